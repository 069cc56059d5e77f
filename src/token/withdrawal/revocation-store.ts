// The interface through which revocations are kept; store/ fulfils it.

/**
 * What lost trust: one token by its `jti`; every token of a grant; every token of a person or app (`subject`) or of a client.
 * Grants are named by their handle, subjects and clients by the keys of token-id.ts.
 */
export type RevokedKind = 'token' | 'grant' | 'subject' | 'client';

export interface Revocation {
  readonly kind: RevokedKind;
  readonly id: string;
  /** When the last token concerned has expired, seconds since the epoch; the row is dropped after that. */
  readonly expiresAt: number;
  /** For a subject or client: tokens issued at or before this are concerned (seconds since the epoch), later ones are not. */
  readonly issuedBefore?: number | undefined;
  /** For the journal: what made trust end, one line. */
  readonly cause?: string | undefined;
}

/** A revocation with its place in the order in which they were kept. */
export interface KeptRevocation extends Revocation {
  readonly sequence: number;
}

export interface RevocationStore {
  /** Keeps a revocation; idempotent, the later expiry and the later `issuedBefore` stay. */
  add(revocation: Revocation): Promise<void>;
  /**
   * Those not expired at `now` (seconds since the epoch) that were kept or changed after `sequence`, in that order; all of them
   * for 0.
   */
  listLive(now: number, sequence: number): Promise<readonly KeptRevocation[]>;
  /** Drops what has expired; returns how many. */
  removeExpired(now: number): Promise<number>;
}
