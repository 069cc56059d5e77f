// The verdict without a running gateway: trusted issuers are asked for their keys, and what is unknown is said.

import { describe, expect, test } from 'vitest';
import { judgeOffline } from '../../../src/explanation/offline.ts';
import {
  goodClaims,
  mintToken,
  TEST_TIME,
  testKey,
  tokenSettings,
  trustedIssuer,
} from '../../support/tokens.ts';

const IDP = 'https://idp.example.org';
const OWN = 'https://mail.example.org';
const KEY = testKey();

function judge(token: string, answer: () => Response = () => Response.json({ keys: [KEY.publicJwk] })) {
  const settings = tokenSettings({ trustedIssuers: [trustedIssuer(IDP, { jwksUri: `${IDP}/keys` })] });
  const means = { now: () => TEST_TIME, fetch: async () => answer() };
  return judgeOffline({ token }, { settings, issuer: OWN, ...means });
}

describe('a token of a trusted issuer', () => {
  test('is accepted, but for a revocation here', async () => {
    const { verdict, unchecked } = await judge(mintToken(KEY, goodClaims(IDP)));
    expect(verdict).toMatchObject({ accepted: true, addresses: ['alice@example.org'] });
    expect(unchecked).toEqual(['whether it was revoked here']);
  });

  test('with a bad signature is refused, and nothing else would have decided', async () => {
    const { verdict, unchecked } = await judge(mintToken(testKey(), goodClaims(IDP)));
    expect(verdict).toMatchObject({ accepted: false, code: 'token-signature' });
    expect(unchecked).toEqual([]);
  });

  test('whose issuer is down is not blamed on Postern', async () => {
    const { verdict, unchecked } = await judge(
      mintToken(KEY, goodClaims(IDP)),
      () => new Response('', { status: 503 }),
    );
    expect(verdict).toMatchObject({ accepted: false, code: 'issuer-unavailable' });
    expect(unchecked).toEqual([]);
  });
});

describe('a token of Postern’s own', () => {
  const own = { sub: 'alice-id', jti: 'x' };

  test.each([['ES256-1'], [undefined]])('with kid %s is checked as far as it says itself', async (kid) => {
    const { verdict, unchecked } = await judge(mintToken(KEY, goodClaims(OWN, own), { kid }));
    expect(verdict).toMatchObject({ accepted: false, code: 'issuer-unavailable' });
    expect(verdict).toHaveProperty('reason', expect.stringContaining('only a running Postern has them'));
    expect(unchecked).toHaveLength(3);
  });

  test('with a fault of its own is refused for that', async () => {
    const { verdict, unchecked } = await judge(mintToken(KEY, goodClaims(OWN, { ...own, aud: 'https://x' })));
    expect(verdict).toMatchObject({ accepted: false, code: 'token-audience' });
    expect(unchecked).toEqual([]);
  });

  test('that may be an opaque one is not judged where nobody can look it up', async () => {
    const { verdict, unchecked } = await judge('A'.repeat(43));
    expect(verdict).toMatchObject({ accepted: false, code: 'issuer-unavailable' });
    expect(verdict).toHaveProperty('reason', expect.stringContaining('only a running Postern knows it'));
    expect(unchecked).toEqual(['whether Postern issued it itself']);
  });
});
