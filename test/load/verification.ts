// What the verification of one token costs: cold (never seen, keys at hand) and cached, by algorithm and by introspection.

import { createTokenVerifier, type TokenVerifier } from '../../src/token/verifier.ts';
import { openRevocations } from '../../src/token/withdrawal/revocations.ts';
import {
  goodClaims,
  introspectionSettings,
  memoryRevocationStore,
  mintToken,
  type TestAlgorithm,
  testKey,
  tokenSettings,
  trustedIssuer,
} from '../support/tokens.ts';

const ALGORITHMS: readonly TestAlgorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const SIGNED = 'https://signed.example.org';
const ASKED = 'https://asked.example.org';
const COLD = 2_000;
const CACHED = 50_000;

/** Microseconds of the process's time for one, waiting included: nothing here waits, the issuer answers from memory. */
export interface VerificationCost {
  readonly cold: number;
  readonly cached: number;
  readonly tokenLength: number;
}

export async function measureVerification(): Promise<Record<string, VerificationCost>> {
  const costs: Record<string, VerificationCost> = {};
  for (const alg of ALGORITHMS) costs[alg] = await measure(alg, SIGNED);
  costs['introspection'] = await measure('ES256', ASKED);
  return costs;
}

async function measure(alg: TestAlgorithm, issuer: string): Promise<VerificationCost> {
  const key = testKey(alg);
  const verifier = await openVerifier([key.publicJwk], issuer);
  try {
    const now = Date.now();
    const tokens = Array.from({ length: COLD + 100 }, (_, number) =>
      mintToken(key, goodClaims(issuer, { jti: `token-${number}` }, now)),
    );
    // The first fetches the keys and warms the code up.
    for (const token of tokens.slice(0, 100)) await verifier.verify(token);
    const cold = await timed(tokens.slice(100), verifier);
    const known = tokens.at(-1) ?? '';
    const cached = await timed(
      Array.from({ length: CACHED }, () => known),
      verifier,
    );
    return { cold, cached, tokenLength: known.length };
  } finally {
    verifier.close();
  }
}

async function timed(tokens: readonly string[], verifier: TokenVerifier): Promise<number> {
  const started = performance.now();
  for (const token of tokens) {
    const verdict = await verifier.verify(token);
    if ('refused' in verdict) throw new Error('a good token was refused');
  }
  return Math.round(((performance.now() - started) / tokens.length) * 10_000) / 10;
}

async function openVerifier(keys: readonly object[], issuer: string): Promise<TokenVerifier> {
  const endpoint = `${ASKED}/introspect`;
  return createTokenVerifier({
    settings: tokenSettings({
      cacheSize: 10_000,
      trustedIssuers: [
        trustedIssuer(issuer, {
          jwksUri: `${issuer}/keys`,
          ...(issuer === ASKED && {
            verification: 'introspection',
            introspection: introspectionSettings({ endpoint }),
          }),
        }),
      ],
    }),
    own: undefined,
    revocations: await openRevocations({ store: memoryRevocationStore() }),
    fetch: async (url) =>
      Response.json(url === endpoint ? { active: true, ...goodClaims(issuer, {}, Date.now()) } : { keys }),
  });
}
