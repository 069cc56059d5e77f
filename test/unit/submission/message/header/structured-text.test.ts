// A structured value without its comments.

import { expect, test } from 'vitest';
import { withoutComments } from '../../../../../src/submission/message/header/structured-text.ts';
import { processorTime } from '../../../../support/processor-time.ts';

test.each([
  ['', ''],
  [' ', ''],
  [' a  b\t\r\n c ', 'a b c'],
  ['(one)a(two)b(three)', 'a b'],
  ['a (x(y)z) b', 'a b'],
  ['a (\\)) b', 'a b'],
  ['a(\\\\)b', 'a b'],
  ['a (") b") c', undefined],
  ['a (") "b) c"', 'a "b) c"'],
  ['"a  (b)" c', '"a  (b)" c'],
  ['"a\\"(" c(d)', '"a\\"(" c'],
  ['"a\r\n b"(c)', '"a b"'],
  ['a\r\n (b)\r\n c', 'a c'],
  ['(a)(b) (c)', ''],
  ['\xa0a\xa0', '\xa0a\xa0'],
  [' \xa0(b)', '\xa0'],
  ['a) b', 'a) b'],
  ['a\\ b', 'a\\ b'],
  ['(a', undefined],
  ['(a\\)', undefined],
  ['"a', undefined],
  ['"a\\"', undefined],
  ['a "', undefined],
])('%j is %j', (value, plain) => {
  expect(withoutComments(value)).toBe(plain);
});

test.each([
  ['comments', '(a)'],
  ['open comments', '('],
  ['quoted strings', '"a" '],
  ['quotes', '"'],
  ['backslashes', '("\\'],
  ['folds', 'a\r\n (b)'],
])('takes linear time: %s without end', (_what, piece) => {
  const spent = processorTime(() => withoutComments(piece.repeat(260_000 / piece.length)));
  expect(spent).toBeLessThan(2000);
});
