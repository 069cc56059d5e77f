// What mail programs show for encoded words.

import { describe, expect, test } from 'vitest';
import { decodeEncodedWords } from '../../../src/policy/encoded-word.ts';
import { processorTime } from '../../support/processor-time.ts';

describe('decodeEncodedWords', () => {
  // The first five: RFC 2047 §8.
  test.each([
    ['=?US-ASCII?Q?Keith_Moore?=', 'Keith Moore'],
    ['=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=', 'Keld Jørn Simonsen'],
    ['=?ISO-8859-1?Q?Andr=E9?= Pirard', 'André Pirard'],
    ['=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=', 'If you can read this yo'],
    ['=?ISO-8859-1?Q?a?=', 'a'],
    ['=?utf-8?b?PGE+?=', '<a>'],
    ['=?UTF-8*en?q?=3ca=3E?=', '<a>'],
    // The octets of these characters are '<' and '@' in ASCII.
    ['=?iso-2022-jp?B?GyRCPCpAThsoQg==?=', '耳昔'],
    ['=?utf-16be?B?AGEAYg==?=', 'ab'],
    ['=?x-nobody?Q?=3Ca=3E?=', '<a>'],
    ['x=?utf-8?Q?y?=z', 'xyz'],
  ])('reads %s', (text, expected) => {
    expect(decodeEncodedWords(text)).toBe(expected);
  });

  test.each(['=?utf-8?X?a?=', '=?utf-8?Q?a b?=', '=?utf-8?Q?a', '=??=', 'a=?b', '=?utf-8?Q??'])(
    'leaves %j alone',
    (text) => {
      expect(decodeEncodedWords(text)).toBe(text);
    },
  );

  test.each([
    '=?'.repeat(8000),
    '=?x'.repeat(5000),
    '=?x?q?'.repeat(2700),
    '=?x?q??='.repeat(2000),
    '=?a*'.repeat(4000),
  ])('takes linear time', (text) => {
    const spent = processorTime(() => decodeEncodedWords(text));
    expect(spent).toBeLessThan(500);
  });
});
