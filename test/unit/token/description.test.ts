// What may be told of a token that nobody has verified: four short texts, nothing secret, nothing that moves a cursor.

import { describe, expect, test } from 'vitest';
import { describeToken } from '../../../src/token/description.ts';
import { goodClaims, mintToken, type TokenClaims, testKey } from '../../support/tokens.ts';

const KEY = testKey();
const described = (claims: TokenClaims, header: TokenClaims = {}) =>
  describeToken(mintToken(KEY, goodClaims('https://idp.example.org', claims), header));

test('issuer, audience, key and algorithm', () => {
  const all = { issuer: 'https://idp.example.org', keyId: 'ES256-1', algorithm: 'ES256' };
  expect(described({})).toEqual({ ...all, audience: 'https://mail.example.org' });
  expect(described({ aud: ['a', 'b', 'c', 'd'] })).toEqual({ ...all, audience: 'a, b, c' });
  expect(described({ aud: undefined })).toEqual(all);
});

test('a long issuer in full, for its end is what differs', () => {
  const iss = 'https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0';
  expect(described({ iss }).issuer).toBe(iss);
});

describe('left out is', () => {
  test.each([
    ['no text', { iss: 7, aud: { a: 1 } }, { kid: 1, alg: 1 }],
    ['nothing', { iss: '', aud: [] }, { kid: '', alg: '' }],
    [
      'another token',
      { iss: mintToken(KEY, {}), aud: [mintToken(KEY, {})] },
      { kid: mintToken(KEY, {}), alg: 'eyJhbGciOiJIUzI1NiJ9' },
    ],
    [
      'what could be a signature',
      { iss: 'A'.repeat(86), aud: 'A'.repeat(86) },
      { kid: 'A'.repeat(86), alg: 'A'.repeat(86) },
    ],
  ])('%s', (_what, claims, header) => {
    expect(described(claims, header)).toEqual({});
  });

  test.each(['', 'opaque', 'a.b.c', 'a.b.c.d.e', mintToken(KEY, {}).slice(0, 40)])(
    'everything of %j',
    (token) => {
      expect(describeToken(token)).toEqual({});
    },
  );
});

test('cut and cleaned', () => {
  expect(described({ iss: 'a\r\nb\u001b[2J\u202ec' }).issuer).toBe('ab[2Jc');
  expect(described({ iss: 'https://x.example/'.repeat(100) }).issuer).toHaveLength(200);
});
