// How outside values appear in reasons.

import { describe, expect, it } from 'vitest';
import { shown, shownTime } from '../../../src/token/shown.ts';

describe('shown', () => {
  it.each([
    [undefined, 'none'],
    [null, 'null'],
    ['abc', '"abc"'],
    ['a"b', `"a'b"`],
    [12, '12'],
    [false, 'false'],
    [[], 'an empty list'],
    [['a', 'b'], '"a", "b"'],
    [['a', 'b', 'c', 'd'], '"a", "b", "c", …'],
    [[['deep']], 'a list'],
    [{ a: 1 }, 'an object'],
  ])('%j is written %s', (value, text) => {
    expect(shown(value)).toBe(text);
  });

  it('takes out what would break or turn round a line of the journal', () => {
    expect(shown('a\r\nb\u0000c\u001b[31md\u202ee\u2028f\u0085g')).toBe('"abc[31mdefg"');
  });

  it('cuts long texts, also in the middle of a character', () => {
    expect(shown('x'.repeat(1000))).toBe(`"${'x'.repeat(128)}…"`);
    expect(shown(`${'x'.repeat(127)}😀tail`)).toBe(`"${'x'.repeat(127)}…"`);
  });
});

describe('shownTime', () => {
  it('is a date, or the number where there is no such date', () => {
    expect(shownTime(0)).toBe('1970-01-01T00:00:00Z');
    expect(shownTime(1e20)).toBe('100000000000000000000');
  });
});
