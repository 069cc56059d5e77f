// The interface through which signing keys are kept; store/ fulfils it.

/** One signing key of Postern's own issuer. */
export interface StoredKey {
  /** `kid` (RFC 7517 §4.5). */
  readonly id: string;
  /** Private JWK as JSON text. */
  readonly privateJwk: string;
  /** Seconds since the epoch. */
  readonly createdAt: number;
}

export interface KeyStore {
  /** Every key kept, oldest first. */
  list(): Promise<readonly StoredKey[]>;
  /** Adds a key unless one made at or after `newerThan` (seconds) exists, in one transaction: many nodes may rotate at once. */
  addUnlessNewer(key: StoredKey, newerThan: number): Promise<boolean>;
  remove(id: string): Promise<void>;
}
