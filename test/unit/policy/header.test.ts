// The cutting of a header block into fields.

import { describe, expect, test } from 'vitest';
import { parseHeader } from '../../../src/policy/header.ts';
import { processorTime } from '../../support/processor-time.ts';

const parse = (text: string) => parseHeader(Buffer.from(text, 'latin1'));

describe('parseHeader', () => {
  test('keeps names as written and values raw', () => {
    expect(parse('From: alice@example.org\r\nSUBJECT:a:b \r\nX-Empty:\r\n')).toMatchObject([
      { name: 'From', value: ' alice@example.org' },
      { name: 'SUBJECT', value: 'a:b ' },
      { name: 'X-Empty', value: '' },
    ]);
  });

  test('keeps folding in the value', () => {
    expect(parse('Subject: a\r\n b\r\n\tc\r\nTo: d\r\n')).toMatchObject([
      { name: 'Subject', value: ' a\r\n b\r\n\tc' },
      { name: 'To', value: ' d' },
    ]);
  });

  test('keeps octets beyond ASCII one for one', () => {
    expect(parse('Subject: \xe9\xff\r\n')).toMatchObject([{ name: 'Subject', value: ' \xe9\xff' }]);
  });

  test('reads a block whose last line has no line end, and an empty block', () => {
    expect(parse('A: b\r\nC: d\r\n e')).toMatchObject([
      { name: 'A', value: ' b' },
      { name: 'C', value: ' d\r\n e' },
    ]);
    expect(parse('')).toEqual([]);
  });

  test.each([
    ['A: b\r\nC\t: \xe9\r\n f\r\n\tg\r\nH:\r\n', ['A: b\r\n', 'C\t: \xe9\r\n f\r\n\tg\r\n', 'H:\r\n']],
    ['A: b\r\nC: d\r\n e', ['A: b\r\n', 'C: d\r\n e']],
  ])('tells where each field stands: %j', (block, places) => {
    const fields = parse(block);
    if (!Array.isArray(fields)) throw new Error(fields.reason);
    expect(fields.map(({ start, end }) => block.slice(start, end))).toEqual(places);
    expect(fields.at(-1)?.end).toBe(block.length);
  });

  test('lets obsolete white space before the colon pass where it cannot hurt', () => {
    expect(parse('Subject \t: a\r\n')).toMatchObject([{ name: 'Subject', value: ' a' }]);
  });

  test.each([
    ['a line without a colon', 'To: a\r\nnothing\r\n'],
    ['a last line without a colon', 'To: a\r\nnothing'],
    ['an mbox line', 'From alice Sat Nov 21 19:00:00 2026\r\nFrom: a@b\r\n'],
    ['no name', ': a\r\n'],
    ['a name of white space', 'To: a\r\n : b : c\r\nX:\r\n \t\r\n'],
    ['a space inside a name', 'Fr om: a\r\n'],
    ['a name beyond ASCII', 'From\xff: a\r\n'],
    ['a name with NBSP before the colon', 'Subject\xa0: a\r\n'],
    ['a name with a control character', 'Fr\x07om: a\r\n'],
    ['a name with NUL', 'Fr\0om: a\r\n'],
    ['NUL in a value', 'Subject: a\0b\r\n'],
    ['a bare LF', 'Subject: a\nFrom: b\r\n'],
    ['a bare LF at the end', 'Subject: a\n'],
    ['a bare CR', 'Subject: a\rFrom: b\r\n'],
    ['a bare CR at the end', 'Subject: a\r'],
    ['CR CR LF', 'Subject: a\r\r\n'],
    ['LF CR', 'Subject: a\n\rFrom: b\r\n'],
    ['a continuation line first', ' From: a\r\nFrom: b\r\n'],
    ['a line of white space only', 'Subject: a\r\n \t\r\nFrom: b\r\n'],
    ['a line of white space only at the end', 'Subject: a\r\n '],
    ['an empty line', 'Subject: a\r\n\r\nFrom: b\r\n'],
    ['an empty line first', '\r\nFrom: b\r\n'],
    ['a name folded before its colon', 'Subject\r\n : a\r\n'],
    ['a colon only on the second line', 'Subject\r\n a: b\r\n'],
    ...['From', 'SENDER', 'resent-from', 'Resent-Sender'].flatMap((name) => [
      [`a space after ${name}`, `${name} : a\r\n`],
      [`a tab after ${name}`, `${name}\t: a\r\n`],
      [`a fold after ${name}`, `${name}\r\n : a\r\n`],
    ]),
  ])('refuses %s', (_what, block) => {
    expect(parse(block as string)).toMatchObject({ code: 'header-malformed' });
  });

  test('names the line, and nothing of its content', () => {
    const refusal = parse('To: a\r\n b\r\nS3CRET\r\n');
    expect(refusal).toMatchObject({ reason: expect.stringContaining('line 3') });
    expect(JSON.stringify(refusal)).not.toContain('S3CRET');
  });

  // Bounds that only a quadratic reading exceeds.
  test.each([
    ['10,000 fields', `X-Field-Name: ${'v'.repeat(10)}\r\n`.repeat(10_000)],
    ['one field of 60,000 lines', `X:${'\r\n a'.repeat(60_000)}\r\n`],
    ['spaces without end', `X${' '.repeat(260_000)}:\r\n`],
    ['spaces inside a name', `X${' '.repeat(260_000)}y:\r\n`],
    ['CRs without end', `X: ${'\r'.repeat(260_000)}\r\n`],
    ['names without colons', 'x\r\n'.repeat(85_000)],
  ])('takes linear time: %s', (_what, block) => {
    const spent = processorTime(() => parse(block));
    expect(spent).toBeLessThan(2000);
  });
});
