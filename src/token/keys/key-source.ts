// Where the verifier gets an issuer's public keys; remote-keys.ts and own-keys.ts fulfil it.

import type { KeyObject } from 'node:crypto';
import type { Refusal } from '../../refusal.ts';

/** The `kid` (absent in some issuers' tokens) and `alg` of a token's header. */
export interface WantedKey {
  readonly kid: string | undefined;
  readonly alg: string;
  /** When the token says it was made, seconds since the epoch: a set of keys that is older may lack the key. */
  readonly issuedAt?: number | undefined;
  /** The keys found before did not fit a token that names none: a newer one may. */
  readonly heldDidNotFit?: boolean;
}

export interface KeySource {
  /**
   * The public keys that may have signed, mostly one. `token-key` where the issuer surely has none; `issuer-unavailable` where
   * its keys could not be read, so that the token may be good.
   */
  find(wanted: WantedKey): Promise<readonly KeyObject[] | Refusal>;
  close(): void;
}
