// What refused clients are told.

import { describe, expect, test } from 'vitest';
import { REFUSAL_CODES } from '../../../src/refusal.ts';
import {
  type CredentialRefusalCode,
  failureChallenge,
  isAboutCredentials,
} from '../../../src/sasl/failure.ts';

const DETAILS = { scope: 'smtp.submit', openidConfiguration: 'https://mail.example.org/metadata' };

function told(mechanism: 'OAUTHBEARER' | 'XOAUTH2', code: CredentialRefusalCode, details = DETAILS) {
  return JSON.parse(Buffer.from(failureChallenge(mechanism, code, details), 'base64').toString('utf8'));
}

describe('failureChallenge', () => {
  test('has the members of RFC 7628 §3.2.2 for OAUTHBEARER', () => {
    expect(told('OAUTHBEARER', 'token-expired')).toEqual({
      status: 'invalid_token',
      scope: 'smtp.submit',
      'openid-configuration': 'https://mail.example.org/metadata',
    });
  });

  test("has Google's members for XOAUTH2, and where to get a token", () => {
    expect(told('XOAUTH2', 'token-expired')).toEqual({
      status: '400',
      schemes: 'bearer',
      scope: 'smtp.submit',
      'openid-configuration': 'https://mail.example.org/metadata',
    });
  });

  test('names no configuration where none is known', () => {
    const details = { scope: 's', openidConfiguration: undefined };
    for (const mechanism of ['OAUTHBEARER', 'XOAUTH2'] as const) {
      const challenge = failureChallenge(mechanism, 'token-expired', details);
      expect(Buffer.from(challenge, 'base64').toString()).not.toContain('openid-configuration');
    }
  });

  test('names no scope to OAUTHBEARER where none is needed, for the client would have to ask for it', () => {
    expect(told('OAUTHBEARER', 'token-expired', { ...DETAILS, scope: '' })).not.toHaveProperty('scope');
    expect(told('XOAUTH2', 'token-expired', { ...DETAILS, scope: '' })).toHaveProperty('scope', '');
  });

  // K-9 Mail and Thunderbird for Android try again with a fresh token at "400" only.
  test.each<[CredentialRefusalCode, string, string]>([
    ['token-expired', 'invalid_token', '400'],
    ['token-revoked', 'invalid_token', '400'],
    ['token-key', 'invalid_token', '400'],
    ['token-signature', 'invalid_token', '400'],
    ['token-missing', 'invalid_token', '400'],
    ['token-malformed', 'invalid_token', '400'],
    ['token-audience', 'invalid_token', '401'],
    ['token-issuer', 'invalid_token', '401'],
    ['token-algorithm', 'invalid_token', '401'],
    ['token-type', 'invalid_token', '401'],
    ['token-client', 'invalid_token', '401'],
    ['token-bound', 'invalid_token', '401'],
    ['token-identity', 'invalid_token', '401'],
    ['token-not-yet-valid', 'invalid_token', '401'],
    ['user-mismatch', 'invalid_token', '401'],
    ['token-scope', 'insufficient_scope', '403'],
    ['sasl-malformed', 'invalid_request', '400'],
  ])('says of %s: %s, %s', (code, oauthbearer, xoauth2) => {
    expect(told('OAUTHBEARER', code).status).toBe(oauthbearer);
    expect(told('XOAUTH2', code).status).toBe(xoauth2);
  });

  test('fits a line of 512 octets with long addresses', () => {
    const details = {
      scope: 'urn:ietf:params:oauth:scope:mail',
      openidConfiguration: `https://${'a'.repeat(150)}/`,
    };
    expect(failureChallenge('XOAUTH2', 'token-expired', details).length).toBeLessThan(500);
  });
});

test('only refusals of credentials are told; an issuer that cannot be reached is not one', () => {
  const told = REFUSAL_CODES.filter(isAboutCredentials);
  expect(told).toEqual(expect.arrayContaining(REFUSAL_CODES.filter((code) => code.startsWith('token-'))));
  for (const code of ['issuer-unavailable', 'internal-error', 'shutting-down', 'sasl-encoding'] as const) {
    expect(told).not.toContain(code);
  }
});
