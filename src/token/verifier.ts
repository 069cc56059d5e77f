// The verifier of access tokens: remembers what it has verified, so that a token costs its signature check once.

import { hash } from 'node:crypto';
import type { Principal } from '../principal.ts';
import { isRefusal, type Refusal } from '../refusal.ts';
import { checkTokenLength } from './decode.ts';
import { type IssuerRules, type OwnIssuer, ownIssuerRules, trustedIssuerRules } from './issuer-rules.ts';
import { createOwnKeys } from './own-keys.ts';
import { createRechecks, type Recheck, type RecheckFailure } from './recheck.ts';
import { RemoteKeys } from './remote-keys.ts';
import type { Revocations } from './revocations.ts';
import { MAX_LEEWAY, type TokenSettings } from './settings.ts';
import { revoked, verifyToken } from './verification.ts';
import { createVerifiedTokens } from './verified-tokens.ts';

export type { OwnIssuer } from './issuer-rules.ts';

export interface TokenVerifier {
  /**
   * The Principal of a good token, else the refusal. Rejects only on a fault (the account store can't be read).
   *
   * A token is taken until `exp` plus the leeway, so `expiresAt` of a fresh Principal may lie up to the leeway in the past.
   * A verified one is remembered until `exp` itself, but verified anew after 30 s (own issuer: the account may have been
   * disabled) or 5 min (others: the key may have been withdrawn). A revocation counts
   * at once, one made by another node within seconds.
   */
  verify(token: string): Promise<Principal | Refusal>;
  /**
   * How a session that rests on a verified token asks whether it is still good; undefined where its issuer is not to be asked.
   * Of Postern's own tokens every end is told at once, through the revocations.
   */
  recheck(token: string, principal: Principal): Recheck | undefined;
  /** Ends fetches and timers. */
  close(): void;
}

export interface TokenVerifierOptions {
  readonly settings: TokenSettings;
  /** Absent where Postern issues no tokens itself. */
  readonly own: OwnIssuer | undefined;
  readonly revocations: Revocations;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly fetch?: typeof globalThis.fetch;
  /** An issuer could not be asked about a live session's token; told at most once per issuer and minute. */
  readonly onRecheckFailed?: (failure: RecheckFailure) => void;
}

/** Does no I/O: keys of trusted issuers are fetched when the first of their tokens comes. Throws on contradictory settings. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { settings, revocations, now = Date.now, fetch = globalThis.fetch } = options;
  if (settings.leeway > MAX_LEEWAY) throw new RangeError(`token.leeway: at most ${MAX_LEEWAY / 60_000}m`);
  const issuers = issuersByName(options);
  const rechecks = createRechecks({
    settings,
    now,
    fetch,
    onFailed: options.onRecheckFailed ?? (() => undefined),
  });
  const remembered = createVerifiedTokens(settings.cacheSize);
  const underWay = new Map<string, Promise<Principal | Refusal>>();

  function verify(token: string): Promise<Principal | Refusal> {
    const unfit = checkTokenLength(token);
    if (unfit) return Promise.resolve(unfit);
    const key = keyOf(token);
    const ended = rechecks.refusalOf(key);
    if (ended) return Promise.resolve(ended);
    const principal = remembered.get(key, now());
    if (!principal) return underWay.get(key) ?? begin(key, token);
    if (!revocations.isRevoked(principal)) return Promise.resolve(principal);
    remembered.drop(key);
    return Promise.resolve(revoked(principal.tokenId));
  }

  function begin(key: string, token: string): Promise<Principal | Refusal> {
    const verification = verifyAnew(key, token).finally(() => underWay.delete(key));
    underWay.set(key, verification);
    return verification;
  }

  async function verifyAnew(key: string, token: string): Promise<Principal | Refusal> {
    const clock = { now: now() / 1000, leeway: settings.leeway / 1000 };
    const verified = await verifyToken(token, { issuers, revocations, clock });
    if (isRefusal(verified)) return verified;
    const { principal, rules } = verified;
    remembered.put(key, principal, Math.min(principal.expiresAt * 1000, now() + rules.recheckAfter));
    return principal;
  }

  function close(): void {
    for (const { keys } of issuers.values()) keys.close();
    rechecks.close();
  }

  const recheck = (token: string, principal: Principal) => rechecks.of(token, keyOf(token), principal);
  return { verify, recheck, close };
}

// Only a hash is kept: whoever reads the memory of the process finds no tokens in the cache.
function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}

function issuersByName(options: TokenVerifierOptions): ReadonlyMap<string, IssuerRules> {
  const { settings, own, now = Date.now, fetch = globalThis.fetch } = options;
  const { audience, jwks, trustedIssuers } = settings;
  const issuers = new Map<string, IssuerRules>();
  if (own) {
    const keys = createOwnKeys({ keyring: own.keyring, cooldown: jwks.cooldown, now });
    issuers.set(own.issuer, ownIssuerRules(own, { audience, keys }));
  }
  for (const trusted of trustedIssuers) {
    // Two rules for one `iss`: which of them holds would be chance.
    if (issuers.has(trusted.issuer))
      throw new Error(`token.trustedIssuers: ${trusted.issuer} stands there twice`);
    const keys = new RemoteKeys({ settings: trusted, jwks, now, fetch });
    issuers.set(trusted.issuer, trustedIssuerRules(trusted, keys));
  }
  return issuers;
}
