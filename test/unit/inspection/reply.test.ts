// One reply at a time from bytes that come as they like, within bounds.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_LINE, MAX_LINES, MAX_OCTETS, type Reply, ReplyReader } from '../../../src/inspection/reply.ts';

function read(...parts: string[]): Reply[] {
  const reader = new ReplyReader();
  const replies: Reply[] = [];
  for (const part of parts) {
    reader.push(Buffer.from(part));
    for (let reply = reader.next(); reply; reply = reader.next()) replies.push(reply);
  }
  return replies;
}

describe('a reply', () => {
  it.each<[string, Reply[]]>([
    ['250 ok\r\n', [{ code: 250, lines: ['ok'] }]],
    ['250\r\n', [{ code: 250, lines: [''] }]],
    ['250 ok\n', [{ code: 250, lines: ['ok'] }]],
    [
      '250-a\r\n250-\r\n250 b\r\n354 go\r\n',
      [
        { code: 250, lines: ['a', '', 'b'] },
        { code: 354, lines: ['go'] },
      ],
    ],
    ['220 grüß\r\n', [{ code: 220, lines: ['grüß'] }]],
    ['250-a\r\n250 b', []],
  ])('is read: %j', (text, replies) => expect(read(text)).toEqual(replies));

  it('is the same however its bytes come', () => {
    const text = '220-grüß\r\n220 b\r\n535 5.7.8 no\r\n';
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const bytes = Buffer.from(text);
        const reader = new ReplyReader();
        const replies: Reply[] = [];
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        at.slice(1).forEach((end, index) => {
          reader.push(bytes.subarray(at[index], end));
          for (let reply = reader.next(); reply; reply = reader.next()) replies.push(reply);
        });
        expect(replies).toEqual(read(text));
      }),
    );
  });

  it.each(['hello\r\n', '25 ok\r\n', '199 ok\r\n', '600 ok\r\n', '250_ok\r\n', '250-a\r\n251 b\r\n', '\r\n'])(
    'is none: %j',
    (text) => expect(() => read(text)).toThrow(/no SMTP reply/),
  );

  it.each([
    ['a line', `250 ${'x'.repeat(MAX_LINE)}`],
    ['lines', '250-x\r\n'.repeat(MAX_LINES + 1)],
    ['octets', `250-${'x'.repeat(10_000)}\r\n`.repeat(MAX_OCTETS / 10_000 + 1)],
  ])('is too long in %s', (_what, text) => expect(() => read(text)).toThrow(/more than/));

  it('may be as long as is allowed', () => {
    expect(read(`${'250-x\r\n'.repeat(MAX_LINES - 1)}250 y\r\n`)[0]?.lines).toHaveLength(MAX_LINES);
  });

  it('never throws anything but its own fault', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        try {
          read(text);
        } catch (error) {
          expect((error as Error).name).toBe('DialogueFault');
        }
      }),
    );
  });
});
