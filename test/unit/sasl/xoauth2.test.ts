// The client response of XOAUTH2.

import { describe, expect, test } from 'vitest';
import { parseXoauth2 } from '../../../src/sasl/xoauth2.ts';

/** Writes ^A as `|`. */
const parse = (text: string) => parseXoauth2(Buffer.from(text.replaceAll('|', '\x01')));

describe('parseXoauth2', () => {
  test.each([
    ['a plain response', 'user=alice@example.org|auth=Bearer t||', 'alice@example.org', 't'],
    ['commas and = in the user name', 'user=a,b=c|auth=Bearer t||', 'a,b=c', 't'],
    ['a user name beyond ASCII', 'user=жанна@example.org|auth=Bearer t||', 'жанна@example.org', 't'],
    ['an empty user name', 'user=|auth=Bearer t||', undefined, 't'],
    ['a key nobody knows', 'user=a|vendor=x|auth=Bearer t||', 'a', 't'],
    ['the discovery probe', 'user=a|auth=||', 'a', undefined],
    ['the discovery probe with a scheme', 'user=a|auth=Bearer ||', 'a', undefined],
  ])('reads %s', (_what, response, userName, token) => {
    expect(parse(response)).toEqual({ userName, token, host: undefined, port: undefined });
  });

  test.each([
    ['nothing', ''],
    ['a lone ^A', '|'],
    ['no user', 'auth=Bearer t||'],
    ['no auth', 'user=a||'],
    ['one ^A at the end', 'user=a|auth=Bearer t|'],
    ['user twice', 'user=a|user=b|auth=Bearer t||'],
    ['auth twice', 'user=a|auth=Bearer t|auth=Bearer t||'],
    ['a GS2 header', 'n,a=a,|auth=Bearer t||'],
    ['a control character in the user name', 'user=a\x02b|auth=Bearer t||'],
    ['the password of PLAIN', '\0alice\0secret'],
  ])('refuses %s', (_what, response) => {
    expect(parse(response)).toMatchObject({ code: 'sasl-malformed' });
  });

  test('refuses what is not UTF-8', () => {
    expect(parseXoauth2(Buffer.from('user=\xff\x01auth=Bearer t\x01\x01', 'latin1'))).toMatchObject({
      code: 'sasl-malformed',
    });
  });
});
