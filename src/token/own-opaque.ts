// Opaque tokens of Postern's own issuer, for clients that cannot hold a longer one: their form, and how what they stand for is found.

import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import { type CheckedClaims, type Clock, checkClaims } from './checks/claims.ts';
import type { Claims } from './issuers/identity.ts';
import type { IssuerRules } from './issuers/rules.ts';

/** Where the issuer keeps what its opaque tokens stand for; authorization/ fulfils it. */
export interface OpaqueTokens {
  /**
   * The claims that a signed token would have (RFC 9068 §2.2). A refusal where the text was issued here and is good for nothing
   * at this door; undefined where nothing here is known of it. Costs look-ups by key whatever the text, and rejects where the
   * store fails.
   */
  find(token: string): Promise<Claims | Refusal | undefined>;
  /** Of those that `find` does not know; by default that they are none of ours any more. */
  readonly unknown?: Refusal;
}

export interface OwnOpaque {
  readonly rules: IssuerRules;
  readonly tokens: OpaqueTokens;
}

export interface FoundOpaque {
  readonly rules: IssuerRules;
  readonly claims: Claims;
  readonly checked: CheckedClaims;
}

/** 256 random bits; no signed token looks so, for it has dots. */
const FORM = /^[A-Za-z0-9_-]{43}$/;

export function isOpaqueForm(token: string): boolean {
  return FORM.test(token);
}

/**
 * What stands behind the token. It is held to the same rules as a signed one: audience, times, scope. A plain refusal is the
 * last word: what was issued here is shown to nobody else, dead or alive.
 * @returns `unknown` with the refusal to give where no other issuer is to be asked about it
 */
export async function findOpaque(
  token: string,
  { rules, tokens }: OwnOpaque,
  clock: Clock,
): Promise<FoundOpaque | Refusal | { readonly unknown: Refusal }> {
  const claims = await tokens.find(token);
  if (claims === undefined) return { unknown: tokens.unknown ?? UNKNOWN };
  if (isRefusal(claims)) return claims;
  const checked = checkClaims(claims, rules, clock);
  return isRefusal(checked) ? checked : { rules, claims, checked };
}

const UNKNOWN = refuse(
  'token-revoked',
  'an opaque token that is not known here: never issued by this Postern, long expired, or what it rests on has ended',
);
