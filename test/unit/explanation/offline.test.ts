// The verdict without a running gateway: trusted issuers are asked for their keys, and what is unknown is said.

import { describe, expect, test } from 'vitest';
import { judgeOffline } from '../../../src/explanation/offline.ts';
import {
  goodClaims,
  introspectionSettings,
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

  describe('that may be an opaque one, with issuers that are asked', () => {
    const ASKED = 'https://opaque.example.org';
    const TOKEN = `tok_${'A'.repeat(39)}`;

    async function ask(token: string, tokenPrefixes?: string[]) {
      const shownTo: string[] = [];
      const asked = trustedIssuer(ASKED, {
        verification: 'introspection',
        introspection: introspectionSettings({ endpoint: `${ASKED}/introspect` }),
        ...(tokenPrefixes && { tokenPrefixes }),
      });
      const outcome = await judgeOffline(
        { token },
        {
          settings: tokenSettings({ trustedIssuers: [asked] }),
          issuer: OWN,
          now: () => TEST_TIME,
          fetch: async (url, init) => {
            shownTo.push(`${String(url)} ${String(init?.body)}`);
            return Response.json({ active: false });
          },
        },
      );
      return { ...outcome, shownTo };
    }

    test.each([[undefined], [[]], [['other_']]])(
      'it is not shown to one with prefixes %j',
      async (prefixes) => {
        const { verdict, unchecked, shownTo } = await ask(TOKEN, prefixes);
        expect(shownTo).toEqual([]);
        expect(verdict).toMatchObject({ accepted: false, code: 'issuer-unavailable' });
        expect(unchecked).toEqual([
          'whether Postern issued it itself',
          expect.stringContaining('not asked, since the token may be Postern’s own'),
        ]);
      },
    );

    test('it is shown to one whose tokens begin so', async () => {
      const { verdict, unchecked, shownTo } = await ask(TOKEN, ['tok_']);
      expect(shownTo).toEqual([expect.stringContaining(`token=${TOKEN}`)]);
      expect(verdict).toMatchObject({ accepted: false, code: 'token-revoked' });
      expect(unchecked).toEqual(['whether Postern issued it itself']);
    });

    test('one of another form is shown to whoever is to be asked', async () => {
      expect((await ask(TOKEN.slice(1))).shownTo).toHaveLength(1);
    });
  });
});
