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
 * Asks trusted issuers as the gateway would, but for a token that may be an opaque one of Postern's own: that one is shown
 * only to an issuer whose `tokenPrefixes` say that its tokens begin so. Of Postern's own tokens everything is checked that they say themselves; then they
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
  const settings = isOpaqueForm(question.token)
    ? withoutStrangersTo(question.token, means.settings)
    : means.settings;
  const verifier = createTokenVerifier({ ...means, settings, own: ownWithoutKeys(issuer), revocations });
  try {
    const verdict = await judgeToken(question, { verifier, issuers: { trusted, own: issuer } });
    const notAsked = means.settings.trustedIssuers.length - settings.trustedIssuers.length;
    return { verdict, unchecked: whatIsLeft(verdict, { issuer, notAsked, ...question }) };
  } finally {
    verifier.close();
    revocations.close();
  }
}

/** Whoever is asked about a token holds it, and this one may be good here: nobody can say that it is not. */
function withoutStrangersTo(token: string, settings: TokenSettings): TokenSettings {
  const trustedIssuers = settings.trustedIssuers.filter(
    ({ verification, tokenPrefixes = [] }) =>
      verification !== 'introspection' || tokenPrefixes.some((prefix) => token.startsWith(prefix)),
  );
  return { ...settings, trustedIssuers };
}

function whatIsLeft(
  verdict: TokenVerdict,
  { issuer, token, notAsked }: { issuer: string; token: string; notAsked: number },
): string[] {
  const revocation = 'whether it was revoked here';
  if (verdict.accepted) return [revocation];
  // Whatever the issuers said that could be asked.
  if (isOpaqueForm(token)) {
    const others =
      'whether an issuer without `tokenPrefixes` knows it (not asked, since the token may be Postern’s own)';
    return ['whether Postern issued it itself', ...(notAsked > 0 ? [others] : [])];
  }
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
      find: async () => undefined,
      unknown: refuse(
        'issuer-unavailable',
        `an opaque token; it may be one of Postern’s own, and ${NOTHING_KNOWS}`,
      ),
    },
  };
}
