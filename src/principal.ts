// Noun: who a verified token speaks for. Only token/ makes one; everybody else reads it.

declare const verified: unique symbol;

/**
 * The person or app that a verified access token stands for.
 *
 * The brand keeps other folders from writing one by hand: a Principal comes out of `token/principal.ts` only.
 */
export interface Principal {
  readonly [verified]: true;
  /** `iss` of the token, exactly as it stands there. */
  readonly issuer: string;
  /** `sub` of the token (RFC 9068 §2.2). */
  readonly subject: string;
  /** `client_id` (RFC 8693 §4.3) or the issuer's equivalent; undefined where the issuer names none. */
  readonly clientId: string | undefined;
  /** Addresses this principal may send as, canonical (see `address.ts`): domain in lower case. */
  readonly addresses: readonly string[];
  /** Domains of which it may send as any address; only a server of a trusted network has such. */
  readonly domains: readonly string[];
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  /** `jti`: the only part of a token that may appear in the journal. */
  readonly tokenId: string | undefined;
  /** The grant the token came from, for tokens of Postern's own. */
  readonly grantId: string | undefined;
  /** `iat`, seconds since the epoch; undefined where the token does not say. */
  readonly issuedAt: number | undefined;
  /** End of validity, seconds since the epoch. */
  readonly expiresAt: number;
}

/** `iss` of a server that is let in for its network's sake and has not signed in; no token can bear it, for it is no URL. */
export const NETWORK_ISSUER = 'trusted-network';

/** The name by which the journal and the Received header know a principal: its first address. */
export function principalName(principal: Principal): string {
  return principal.addresses[0] ?? principal.subject;
}
