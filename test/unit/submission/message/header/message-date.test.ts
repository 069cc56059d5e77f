// Which Date fields tell a date.

import { describe, expect, test } from 'vitest';
import { isDate } from '../../../../../src/submission/message/header/message-date.ts';
import { processorTime } from '../../../../support/processor-time.ts';

describe('a date', () => {
  test.each([
    ['RFC 5322 §3.3', ' Sat, 21 Nov 2026 10:00:00 +0100'],
    ['without its weekday', '21 Nov 2026 10:00:00 +0100'],
    ['without seconds', 'Sat, 21 Nov 2026 10:00 +0100'],
    ['folded', ' Sat,\r\n 21 Nov 2026\r\n\t10:00:00 +0100'],
    ['with the name of its zone behind it', 'Sat, 21 Nov 2026 10:00:00 +0100 (CET)'],
    ['with comments everywhere', '(a)Sat(b),(c)21 (d(e)) Nov 2026 10 (\\)): 00 : 00 +0100(f)'],
    ['of one digit', 'Fri, 6 Nov 2026 10:00:00 -0000'],
    ['of a leap second', 'Sat, 31 Dec 2016 23:59:60 +0000'],
    ['of a leap day', 'Thu, 29 Feb 2024 10:00:00 +0000'],
    ['of the century’s leap day', 'Tue, 29 Feb 2000 10:00:00 +0000'],
    ['far from Greenwich', 'Sat, 21 Nov 2026 10:00:00 +1400'],
    ['in lower case (RFC 5234 §2.3)', 'sat, 21 nov 2026 10:00:00 +0100'],
    ['in upper case', 'SAT, 21 NOV 2026 10:00:00 GMT'],
    // RFC 5322 §4.3
    ['of the last century', 'Fri, 21 Nov 97 09:55:06 -0600'],
    ['of this century', 'Sat, 21 Nov 26 09:55:06 -0600'],
    ['of three digits', 'Sat, 21 Nov 126 09:55:06 -0600'],
    ['in GMT', 'Sat, 21 Nov 2026 10:00:00 GMT'],
    ['in UT', 'Sat, 21 Nov 2026 10:00:00 UT'],
    ['in a North American zone', 'Sat, 21 Nov 2026 10:00:00 PDT'],
    ['in a military zone', 'Sat, 21 Nov 2026 10:00:00 Z'],
    ['in a zone nobody knows', 'Sat, 21 Nov 2026 10:00:00 MESZ'],
    // What clients in use write besides.
    ['with an hour of one digit', 'Sat, 21 Nov 2026 9:05:07 +0100'],
    ['without its zone', 'Sat, 21 Nov 2026 10:00:00'],
    ['with a month in full', 'Sat, 21 November 2026 10:00:00 +0100'],
    ['with a weekday in full', 'Saturday, 21 Nov 2026 10:00:00 +0100'],
    ['with a weekday in another language', 'Sa, 21 Nov 2026 10:00:00 +0100'],
    ['with a weekday that is another', 'Mon, 21 Nov 2026 10:00:00 +0100'],
    ['without the comma', 'Sat 21 Nov 2026 10:00:00 +0100'],
    ['without a space behind the comma', 'Sat,21 Nov 2026 10:00:00 +0100'],
    ['without a space before the zone', 'Sat, 21 Nov 2026 10:00:00+0100'],
  ])('%s', (_what, value) => {
    expect(isDate(value)).toBe(true);
  });
});

describe('no date', () => {
  test.each([
    ['nothing', ''],
    ['a space', ' '],
    ['a comment', '(Sat, 21 Nov 2026 10:00:00 +0100)'],
    ['an open comment', 'Sat, 21 Nov 2026 10:00:00 +0100 (CET'],
    ['a quoted one', '"Sat, 21 Nov 2026 10:00:00 +0100"'],
    ['a word', 'today'],
    ['a 30th of February', 'Mon, 30 Feb 2026 10:00:00 +0000'],
    ['a 29th of February in no leap year', '29 Feb 2026 10:00:00 +0000'],
    ['a 29th of February in 1900', '29 Feb 1900 10:00:00 +0000'],
    ['a 31st of November', '31 Nov 2026 10:00:00 +0000'],
    ['a day 0', '0 Nov 2026 10:00:00 +0000'],
    ['a 24th hour', '21 Nov 2026 24:00:00 +0000'],
    ['a 60th minute', '21 Nov 2026 10:60:00 +0000'],
    ['a 61st second', '21 Nov 2026 10:00:61 +0000'],
    ['a zone of 60 minutes', '21 Nov 2026 10:00:00 +0160'],
    ['a year before mail (RFC 5322 §3.3)', '01 Jan 0001 00:00:00 +0000'],
    ['a year of one digit', '21 Nov 6 10:00:00 +0000'],
    ['a year of five digits', '21 Nov 12026 10:00:00 +0000'],
    ['a month in another language', 'Sa, 21 Dez 2026 10:00:00 +0100'],
    ['no month', '21 11 2026 10:00:00 +0100'],
    ['no time', 'Sat, 21 Nov 2026'],
    ['twelve hours', 'Sat, 21 Nov 2026 10:00:00 PM'],
    ['RFC 3339', '2026-11-21T10:00:00Z'],
    ['seconds since 1970', '1795251600'],
    ['asctime', 'Sat Nov 21 10:00:00 2026'],
    ['numbers with slashes', '21/11/2026 10:00:00'],
    ['two of them', 'Sat, 21 Nov 2026 10:00:00 +0100 Sat, 21 Nov 2026 10:00:00 +0100'],
    ['text behind it', 'Sat, 21 Nov 2026 10:00:00 +0100 or so'],
    ['8-bit text', 'Sat, 21 M\xe4r 2026 10:00:00 +0100'],
  ])('%s', (_what, value) => {
    expect(isDate(value)).toBe(false);
  });

  test.each([' ', '1', '21 Nov 2026 ', '(a)', 'a'])('a quarter of a MiB of %j, told in no time', (piece) => {
    const spent = processorTime(() => expect(isDate(piece.repeat(262_144 / piece.length))).toBe(false));
    expect(spent).toBeLessThan(2000);
  });
});
