// The verdict on a token without a running gateway: by the settings alone, and what could not be looked at.

import { generateKeyPairSync } from 'node:crypto';
import { refuse } from '../refusal.ts';
import { isOpaqueForm } from '../token/own-opaque.ts';
import type { TokenSettings } from '../token/settings.ts';
import { createTokenVerifier, type OwnIssuer } from '../token/verifier.ts';
import { openRevocations } from '../token/withdrawal/revocations.ts';
import { judgeToken, type QuestionedToken, type TokenVerdict } from './verdict.ts';

export interface OfflineVerdict {
  readonly verdict: TokenVerdict;
  /** What would have decided, and only the running gateway knows; in words. */
  readonly unchecked: readonly string[];
}

const NOTHING_RUNS = 'only a running Postern has them';
const NOTHING_KNOWS = 'only a running Postern knows it';

/**
 * Asks trusted issuers as the gateway would. Of Postern's own tokens everything is checked that they say themselves; then they
 * are refused as `issuer-unavailable`, for nobody is there who knows the keys.
 * @param issuer of Postern's own tokens
 */
export async function judgeOffline(
  question: QuestionedToken,
  options: {
    readonly settings: TokenSettings;
    readonly issuer: string;
    readonly now?: () => number;
    readonly fetch?: typeof globalThis.fetch;
  },
): Promise<OfflineVerdict> {
  const { issuer, ...means } = options;
  const trusted = means.settings.trustedIssuers.map((each) => each.issuer);
  const revocations = await openRevocations({ store: NO_REVOCATIONS });
  const verifier = createTokenVerifier({ ...means, own: ownWithoutKeys(issuer), revocations });
  try {
    const verdict = await judgeToken(question, { verifier, issuers: { trusted, own: issuer } });
    return { verdict, unchecked: whatIsLeft(verdict, { issuer, ...question }) };
  } finally {
    verifier.close();
    revocations.close();
  }
}

function whatIsLeft(verdict: TokenVerdict, { issuer, token }: { issuer: string; token: string }): string[] {
  const revocation = 'whether it was revoked here';
  if (verdict.accepted) return [revocation];
  // Whatever the issuers said that could be asked.
  if (isOpaqueForm(token)) return ['whether Postern issued it itself'];
  const isOwn = verdict.token.issuer === issuer;
  return isOwn && verdict.code === 'issuer-unavailable' ? ['its signature', 'its account', revocation] : [];
}

const NO_REVOCATIONS = {
  add: async () => undefined,
  listLive: async () => [],
  removeExpired: async () => 0,
};

function ownWithoutKeys(issuer: string): OwnIssuer {
  // ES384, where its tokens have ES256: fits none of them, also not one without a kid.
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), alg: 'ES384', use: 'sig' };
  return {
    issuer,
    keyring: {
      privateJwks: () => ({ keys: [] }),
      publicJwks: () => ({ keys: [jwk] }),
      onChange: () => () => undefined,
      tick: () => Promise.reject(NOTHING_RUNS),
      close: () => undefined,
    },
    accounts: { find: async () => undefined },
    apps: new Map(),
    opaque: {
      find: async () =>
        refuse('issuer-unavailable', `an opaque token; if it is one of Postern’s own, ${NOTHING_KNOWS}`),
    },
  };
}
