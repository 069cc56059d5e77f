// The client response of OAUTHBEARER.

import { describe, expect, test } from 'vitest';
import { isRefusal } from '../../../src/refusal.ts';
import { parseOauthBearer } from '../../../src/sasl/oauthbearer.ts';

/** Writes ^A as `|`, which no example needs. */
const parse = (text: string) => parseOauthBearer(Buffer.from(text.replaceAll('|', '\x01')));

describe('parseOauthBearer', () => {
  test('reads a full response', () => {
    expect(
      parse('n,a=alice@example.org,|host=mail.example.org|port=587|auth=Bearer abc.DEF-1_2~3+4/5==||'),
    ).toEqual({
      userName: 'alice@example.org',
      token: 'abc.DEF-1_2~3+4/5==',
      host: 'mail.example.org',
      port: 587,
    });
  });

  test.each([
    ['no user name', 'n,,|auth=Bearer t||', { userName: undefined, token: 't' }],
    ['an empty user name', 'n,a=,|auth=Bearer t||', { userName: undefined, token: 't' }],
    ['an escaped user name', 'n,a=a=2Cb,|auth=Bearer t||', { userName: 'a,b', token: 't' }],
    ['a user name in NFD, as NFC', 'n,a=rene\u0301,|auth=Bearer t||', { userName: 'ren\u00e9' }],
    ['the scheme in any case', 'n,,|auth=bEARER t||', { token: 't' }],
    ['more than one space', 'n,,|auth=Bearer   t||', { token: 't' }],
    ['keys nobody knows, as often as they come', 'n,,|mthd=POST|x=1|x=2|auth=Bearer t|qs=||', { token: 't' }],
    ['a key that is known only in lower case', 'n,,|Auth=Bearer x|auth=Bearer t||', { token: 't' }],
    ['an IPv6 host', 'n,,|host=[::1]|auth=Bearer t||', { host: '[::1]' }],
    ['the discovery probe', 'n,,|auth=||', { token: undefined }],
    ['the discovery probe with a scheme', 'n,,|auth=Bearer||', { token: undefined }],
    [
      'the discovery probe with a scheme and a space',
      'n,a=a,|auth=Bearer ||',
      { token: undefined, userName: 'a' },
    ],
  ])('reads %s', (_what, response, expected) => {
    expect(parse(response)).toMatchObject(expected);
  });

  test.each([
    ['nothing', ''],
    ['a lone ^A', '|'],
    ['no pairs', 'n,,'],
    ['no auth', 'n,,|host=h||'],
    ['an empty list', 'n,,||'],
    ['no ^A after the header', 'n,,auth=Bearer t||'],
    ['something else in the place of that ^A', 'n,,xauth=Bearer t||'],
    ['DEL in a value', 'n,,|x=a\x7fb|auth=Bearer t||'],
    ['one ^A too few', 'n,,|auth=Bearer t|'],
    ['no ^A at the end', 'n,,|auth=Bearer t'],
    ['something after the end', 'n,,|auth=Bearer t||x'],
    ['a second end', 'n,,|auth=Bearer t|||'],
    ['an empty pair', 'n,,||auth=Bearer t||'],
    ['a pair without =', 'n,,|auth||'],
    ['a pair without a key', 'n,,|=x|auth=Bearer t||'],
    ['a key with a digit', 'n,,|x1=y|auth=Bearer t||'],
    ['auth twice', 'n,,|auth=Bearer t|auth=Bearer u||'],
    ['auth twice, once empty', 'n,,|auth=|auth=Bearer u||'],
    ['host twice', 'n,,|host=a|host=b|auth=Bearer t||'],
    ['port twice', 'n,,|port=1|port=1|auth=Bearer t||'],
    ['another scheme', 'n,,|auth=Basic YTpi||'],
    ['a token without its scheme', 'n,,|auth=eyJhbGciOi||'],
    ['NUL in a value', 'n,,|x=a\0b|auth=Bearer t||'],
    ['an empty host', 'n,,|host=|auth=Bearer t||'],
    ['a host with a space', 'n,,|host=a b|auth=Bearer t||'],
    ['a port with letters', 'n,,|port=smtp|auth=Bearer t||'],
    ['port 0', 'n,,|port=0|auth=Bearer t||'],
    ['a port too large', 'n,,|port=65536|auth=Bearer t||'],
    ['a port with a sign', 'n,,|port=+587|auth=Bearer t||'],
    ['a control character in the user name', 'n,a=al\x7fice,|auth=Bearer t||'],
    ['a C1 control character in the user name', 'n,a=al\u0085ice,|auth=Bearer t||'],
    ['a line break in the user name', 'n,a=al\r\nice,|auth=Bearer t||'],
    ['a direction override in the user name', 'n,a=al\u202eice,|auth=Bearer t||'],
    ['a user name that is too long', `n,a=${'a'.repeat(256)},|auth=Bearer t||`],
    ['channel binding', 'p=tls-unique,,|auth=Bearer t||'],
  ])('refuses %s', (_what, response) => {
    expect(parse(response)).toMatchObject({ code: 'sasl-malformed' });
  });

  test.each(['a b', 'a,b', 'a=b', 'tök', 't\t', '=', 't ', "t'"])('refuses the token %j', (token) => {
    expect(parse(`n,,|auth=Bearer ${token}||`)).toMatchObject({ code: 'token-malformed' });
  });

  test('refuses a user name that is not UTF-8', () => {
    const response = Buffer.from('n,a=ren\xe9,\x01auth=Bearer t\x01\x01', 'latin1');
    expect(parseOauthBearer(response)).toMatchObject({ code: 'sasl-malformed' });
  });

  test('keeps a user name of 255 octets and a token of 16 KiB', () => {
    const [userName, token] = ['a'.repeat(255), 'x'.repeat(16384)];
    expect(parse(`n,a=${userName},|auth=Bearer ${token}||`)).toMatchObject({ userName, token });
  });

  test.each([
    'n,,|auth=SECRET||',
    'n,,|auth=Bearer SECRET SECRET||',
    'n,,|auth=SECRET SECRET||',
    'n,a=SECRET\n,|auth=Bearer t||',
    'n,,|SECRET||',
    'n,,|host=SECRET |auth=Bearer t||',
    'SECRET',
  ])('never repeats what was sent in its reason: %j', (response) => {
    const answer = parse(response);
    expect(isRefusal(answer) && answer.reason).toBeTruthy();
    expect(JSON.stringify(answer)).not.toContain('SECRET');
  });
});
