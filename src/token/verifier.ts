// The verifier of access tokens: remembers what it has verified, so that a token costs its signature check once.

import { hash } from 'node:crypto';
import type { Principal } from '../principal.ts';
import { isRefusal, type Refusal } from '../refusal.ts';
import { checkPossession } from './checks/binding.ts';
import { checkTokenLength } from './checks/decode.ts';
import { createIntrospector, type Introspector } from './introspection/introspector.ts';
import { createRechecks, type Recheck, type RecheckFailure } from './introspection/recheck.ts';
import { type IssuerRules, type OwnIssuer, ownIssuerRules, trustedIssuerRules } from './issuers/rules.ts';
import { createOwnKeys } from './keys/own-keys.ts';
import { RemoteKeys } from './keys/remote-keys.ts';
import { MAX_LEEWAY, type TokenSettings, type TrustedIssuerSettings } from './settings.ts';
import { revoked, verifyToken } from './verification.ts';
import { createVerifiedTokens } from './verified-tokens.ts';
import type { Revocations } from './withdrawal/revocations.ts';

export type { OwnIssuer } from './issuers/rules.ts';

export interface TokenVerifier {
  /**
   * The Principal of a good token, else the refusal. Rejects only on a fault (the account store can't be read).
   *
   * A token is taken until `exp` plus the leeway, so `expiresAt` of a fresh Principal may lie up to the leeway in the past.
   * A verified one is remembered until `exp` itself, but verified anew after 30 s (own issuer: the account may have been
   * disabled) or 5 min (others: the key may have been withdrawn). A revocation counts
   * at once, one made by another node within seconds.
   *
   * @param certificate of the client, where this connection showed one: base64url of the SHA-256 of its DER form (RFC 8705 §3.1)
   */
  verify(token: string, certificate?: string): Promise<Principal | Refusal>;
  /** What a good token says, in whoever's hands: for its issuer's own questions, never for a sign-in. */
  read(token: string): Promise<VerifiedToken | Refusal>;
  /**
   * How a session that rests on a verified token asks whether it is still good; undefined where its issuer is not to be asked.
   * Of Postern's own tokens every end is told at once, through the revocations.
   */
  recheck(token: string, principal: Principal): Recheck | undefined;
  /** Ends fetches and timers. */
  close(): void;
}

export interface VerifiedToken {
  readonly principal: Principal;
  /** Which it is bound to (RFC 8705 §3.1), as `verify` takes it; undefined for a bearer token. */
  readonly certificate: string | undefined;
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
  const { settings, own, revocations, now = Date.now, fetch = globalThis.fetch } = options;
  if (settings.leeway > MAX_LEEWAY) throw new RangeError(`token.leeway: at most ${MAX_LEEWAY / 60_000}m`);
  const introspectors = introspectorsByName(settings.trustedIssuers, { leeway: settings.leeway, now, fetch });
  const issuers = issuersByName(options, introspectors);
  const ownRules = own && issuers.get(own.issuer);
  const ownOpaque = own?.opaque && ownRules && { rules: ownRules, tokens: own.opaque };
  const rechecks = createRechecks({
    settings,
    introspectors,
    now,
    onFailed: options.onRecheckFailed ?? (() => undefined),
  });
  const remembered = createVerifiedTokens<VerifiedToken>(settings.cacheSize);
  const underWay = new Map<string, Promise<VerifiedToken | Refusal>>();

  async function verify(token: string, certificate?: string): Promise<Principal | Refusal> {
    const known = await read(token);
    if (isRefusal(known)) return known;
    // For each connection: who else has shown the token proves nothing.
    return checkPossession(known.certificate, certificate) ?? known.principal;
  }

  async function read(token: string): Promise<VerifiedToken | Refusal> {
    const unfit = checkTokenLength(token);
    if (unfit) return unfit;
    const key = keyOf(token);
    const ended = rechecks.refusalOf(key);
    if (ended) return ended;
    return recall(key) ?? underWay.get(key) ?? begin(key, token);
  }

  function recall(key: string): VerifiedToken | Refusal | undefined {
    const known = remembered.get(key, now());
    if (!known || !revocations.isRevoked(known.principal)) return known;
    remembered.drop(key);
    return revoked(known.principal.tokenId);
  }

  function begin(key: string, token: string): Promise<VerifiedToken | Refusal> {
    const verification = verifyAnew(key, token).finally(() => underWay.delete(key));
    underWay.set(key, verification);
    return verification;
  }

  async function verifyAnew(key: string, token: string): Promise<VerifiedToken | Refusal> {
    const clock = { now: now() / 1000, leeway: settings.leeway / 1000 };
    const verified = await verifyToken(token, { issuers, ownOpaque, revocations, clock });
    if (isRefusal(verified)) return verified;
    const { principal, rules, certificate } = verified;
    const until = Math.min(principal.expiresAt * 1000, now() + rules.recheckAfter);
    remembered.put(key, { principal, certificate }, until);
    return { principal, certificate };
  }

  function close(): void {
    for (const { proof } of issuers.values()) if (proof.by === 'signature') proof.keys.close();
    for (const introspector of introspectors.values()) introspector.close();
  }

  const recheck = (token: string, principal: Principal) => rechecks.of(token, keyOf(token), principal);
  return { verify, read, recheck, close };
}

// Only a hash is kept: whoever reads the memory of the process finds no tokens in the cache.
function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}

function introspectorsByName(
  trustedIssuers: readonly TrustedIssuerSettings[],
  given: { leeway: number; now: () => number; fetch: typeof globalThis.fetch },
): ReadonlyMap<string, Introspector> {
  return new Map(
    trustedIssuers.flatMap((issuer) => {
      const { introspection } = issuer;
      return introspection ? [[issuer.issuer, createIntrospector({ issuer, introspection, ...given })]] : [];
    }),
  );
}

function issuersByName(
  options: TokenVerifierOptions,
  introspectors: ReadonlyMap<string, Introspector>,
): ReadonlyMap<string, IssuerRules> {
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
    const introspector = introspectors.get(trusted.issuer);
    if (trusted.verification !== 'introspection') {
      const keys = new RemoteKeys({ settings: trusted, jwks, now, fetch });
      issuers.set(trusted.issuer, trustedIssuerRules(trusted, { proof: { by: 'signature', keys } }));
    } else if (introspector && trusted.introspection) {
      const proof = { by: 'introspection', introspector, prefixes: trusted.tokenPrefixes ?? [] } as const;
      const recheckAfter = trusted.introspection.cacheFor;
      issuers.set(trusted.issuer, trustedIssuerRules(trusted, { proof, recheckAfter }));
    } else throw new Error(`token.trustedIssuers: ${trusted.issuer} has nothing about introspection`);
  }
  return issuers;
}
