// Strict base64: one line, one meaning.

import { describe, expect, test } from 'vitest';
import { decodeBase64, encodeBase64 } from '../../../src/sasl/base64.ts';

describe('decodeBase64', () => {
  // RFC 4648 §10.
  test.each([
    ['', ''],
    ['Zg==', 'f'],
    ['Zm8=', 'fo'],
    ['Zm9v', 'foo'],
    ['Zm9vYg==', 'foob'],
    ['Zm9vYmE=', 'fooba'],
    ['Zm9vYmFy', 'foobar'],
  ])('reads the test vector %j', (line, text) => {
    expect(decodeBase64(line)).toEqual(Buffer.from(text));
  });

  test('reads every octet', () => {
    const octets = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
    expect(decodeBase64(octets.toString('base64'))).toEqual(octets);
  });

  test.each([
    ['a character outside the alphabet', 'Zm9v!mFy'],
    ['= inside', 'Zg==Zg=='],
    ['= first', '=Zg='],
    ['= alone', '='],
    ['padding that is absent', 'Zm8'],
    ['padding that is too long', 'Zm9v===='],
    ['padding where none is due', 'Zm9v='],
    ['one character too many', 'Zm9vY'],
    ['white space inside', 'Zm9v YmFy'],
    ['white space after', 'Zm9v '],
    ['a line break', 'Zm9v\r\nYmFy'],
    ['the URL alphabet', '_-__'],
    ['stray bits after one octet', 'Zh=='],
    ['stray bits after two octets', 'Zm9='],
    ['NUL', 'Zm9v\0'],
    ['a character that only looks like one of the alphabet', 'Zm9v\uff21\uff21\uff21\uff21'],
  ])('refuses %s', (_what, line) => {
    expect(decodeBase64(line)).toMatchObject({ code: 'sasl-encoding' });
  });

  test('never repeats the line in its reason', () => {
    expect(JSON.stringify(decodeBase64('c2VjcmV0LXRva2Vu!'))).not.toContain('c2Vj');
  });
});

test('encodeBase64 writes UTF-8 on one line', () => {
  const line = encodeBase64('ü'.repeat(200));
  expect(line).not.toMatch(/\s/);
  expect(Buffer.from(line, 'base64').toString('utf8')).toBe('ü'.repeat(200));
});
