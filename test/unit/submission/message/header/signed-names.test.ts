// Which fields the signatures of a message cover.

import { expect, test } from 'vitest';
import { signedNames } from '../../../../../src/submission/message/header/signed-names.ts';
import { processorTime } from '../../../../support/processor-time.ts';

const names = (...fields: [name: string, value: string][]): string[] =>
  [...signedNames(fields.map(([name, value]) => ({ name, value })))].sort();

test.each([
  ['a list', 'v=1; a=rsa-sha256; h=From:To:Message-ID; b=abc=', ['from', 'message-id', 'to']],
  ['folded, with spaces', 'h = From :\r\n\tTo : Date\r\n ; b=abc', ['date', 'from', 'to']],
  ['at the very end', 'b=abc; h=from', ['from']],
  ['at the very beginning, folded', '\r\n h=from; b=abc', ['from']],
  ['a name more often than it is there', 'h=from:from:from', ['from']],
  ['twice, which breaks the signature: both count', 'h=from; h=to', ['from', 'to']],
  ['other tags that end in h', 'bh=date; xh=to; h=from', ['from']],
  ['none', 'v=1; b=abc', []],
])('%s', (_what, value, expected) => {
  expect(names(['DKIM-Signature', value])).toEqual(expected);
});

test('of all signatures together, and of no other field', () => {
  expect(
    names(
      ['dkim-signature', 'h=from'],
      ['X-Signature', 'h=subject'],
      ['ARC-Seal', 'i=1; h=cc'],
      ['ARC-Message-Signature', 'i=1; a=rsa-sha256; h=to'],
      ['DKIM-SIGNATURE', 'h=date'],
    ),
  ).toEqual(['date', 'from', 'to']);
});

test.each(['h=', 'h=;', ';', ' ', ':', 'h=a:', ';h'])('a quarter of a MiB of %j costs no time', (piece) => {
  const spent = processorTime(() => names(['DKIM-Signature', piece.repeat(262_144 / piece.length)]));
  expect(spent).toBeLessThan(2000);
});
