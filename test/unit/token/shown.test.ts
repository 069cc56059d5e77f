// How outside values appear in reasons.

import { describe, expect, it } from 'vitest';
import { shown, shownName, shownTime } from '../../../src/token/shown.ts';

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
    expect(shown('x'.repeat(1000))).toBe(`"${'x'.repeat(64)}…"`);
    expect(shown(`${'x'.repeat(63)}😀tail`)).toBe(`"${'x'.repeat(63)}…"`);
  });
});

describe('shownName', () => {
  it.each([
    'https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0',
    'https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/discovery/v2.0/keys',
    '123456789012-abcdefghijklmnopqrstuvwxyz012345.apps.googleusercontent.com',
    `https://idp.example.org/${'realms/'.repeat(25)}`,
  ])('shows %s to the end', (name) => {
    expect(name.length).toBeGreaterThan(64);
    expect(shownName(name)).toBe(`"${name}"`);
  });

  it('cuts what is longer, and sooner in a list, so that what was found is seen beside what was expected', () => {
    const long = 'https://idp.example.org/'.repeat(20);
    expect(shownName(long)).toBe(`"${long.slice(0, 200)}…"`);
    const line = `expected iss ${shownName([long, long, long, long])}, found ${shownName(long)}`;
    expect(line.length).toBeLessThan(500);
  });

  it.each([
    ['a JWT', `${'eyJhbGciOiJFUzI1NiJ9.'.repeat(5)}c2lnbmF0dXJl`],
    ['a JWT in a path', `https://idp.example.org/eyJhbGciOiJFUzI1NiJ9.${'x'.repeat(60)}.c2lnbmF0dXJl`],
    ['an opaque token', 'k'.repeat(100)],
    ['an opaque token in a path', `https://idp.example.org/realms/${'k'.repeat(100)}`],
    ['a query', `https://idp.example.org/jwks?access_token=${'a-b-'.repeat(20)}`],
    ['user information', `https://postern:${'pass-word-'.repeat(10)}@idp.example.org/`],
    ['control characters', `https://idp.example.org/\r\n${'a/'.repeat(50)}`],
  ])('shows no more of %s than of anything else', (_what, text) => {
    expect(shownName(text)).toBe(shown(text));
    expect(shownName(text).length).toBeLessThanOrEqual(67);
  });

  it('is as any other value where it is no text', () => {
    expect([undefined, null, 12, {}, []].map(shownName)).toEqual([undefined, null, 12, {}, []].map(shown));
  });
});

describe('shownTime', () => {
  it('is a date, or the number where there is no such date', () => {
    expect(shownTime(0)).toBe('1970-01-01T00:00:00Z');
    expect(shownTime(1e20)).toBe('100000000000000000000');
  });
});
