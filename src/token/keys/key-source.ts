// Where the verifier learns whether an issuer has signed a token; remote-keys.ts and own-keys.ts fulfil it.

import type { Refusal } from '../../refusal.ts';
import type { Signature } from './signature.ts';

/** The `kid` (absent in some issuers' tokens) and `alg` of a token's header. */
export interface WantedKey {
  readonly kid: string | undefined;
  readonly alg: string;
  /** When the token says it was made, seconds since the epoch: a set of keys that is older may lack the key. */
  readonly issuedAt?: number | undefined;
}

export interface KeySource {
  /**
   * Undefined where a key of the issuer has made the signature. `token-key`, `token-signature`: surely none has.
   * `issuer-unavailable`: its keys could not be read, or it may have newer ones than are known, so that the token may be good.
   */
  check(signature: Signature): Promise<Refusal | undefined>;
  close(): void;
}
