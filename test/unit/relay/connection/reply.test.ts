// Replies of an upstream: read from any cut of the bytes, refused where they are none.

import { describe, expect, test } from 'vitest';
import { MalformedReply, ReplyReader } from '../../../../src/relay/connection/reply.ts';

const read = (...chunks: string[]) => {
  const reader = new ReplyReader();
  return chunks.flatMap((chunk) => reader.push(Buffer.from(chunk, 'latin1')));
};

describe('ReplyReader', () => {
  test('reads one line, several lines and several replies', () => {
    expect(read('250 2.1.0 Ok\r\n')).toEqual([{ code: 250, lines: ['2.1.0 Ok'] }]);
    expect(read('250-a\r\n250-b\r\n250 c\r\n354 go\r\n')).toEqual([
      { code: 250, lines: ['a', 'b', 'c'] },
      { code: 354, lines: ['go'] },
    ]);
    expect(read('250\r\n')).toEqual([{ code: 250, lines: [''] }]);
  });

  test('gives the same for every cut of the bytes', () => {
    const text = '250-first\r\n250 second\r\n550 5.1.1 no\r\n';
    for (let cut = 0; cut <= text.length; cut += 1) {
      expect(read(text.slice(0, cut), text.slice(cut))).toEqual(read(text));
    }
  });

  test('lets nothing unprintable through to the client', () => {
    expect(read('550 5.1.1 b\xe4d\x1b[31m\tx\r\n')[0]?.lines).toEqual(['5.1.1 b?d?[31m?x']);
  });

  test.each([
    ['free text', 'hello\r\n'],
    ['an empty line', '\r\n'],
    ['a code out of range', '150 x\r\n'],
    ['lines of different codes', '250-a\r\n550 b\r\n'],
    ['a line without end', 'x'.repeat(5000)],
    ['lines without end', '250-x\r\n'.repeat(300)],
  ])('refuses %s', (_what, text) => {
    expect(() => read(text)).toThrow(MalformedReply);
  });
});
