// Noun: a person known to Postern's own issuer, as the identity provider last described them.

export interface Account {
  /** `sub` of Postern's own tokens: opaque, stable, short. */
  readonly id: string;
  /** `iss` and `sub` at the identity provider. */
  readonly idpIssuer: string;
  readonly idpSubject: string;
  /** Canonical addresses the person may send as; never empty. */
  readonly addresses: readonly string[];
  readonly groups: readonly string[];
  /** Display name, where the identity provider gives one. */
  readonly name: string | undefined;
  readonly disabled: boolean;
  /** Last sign-in, seconds since the epoch. */
  readonly updatedAt: number;
}

/** How the verifier finds the person behind `sub`; store/ fulfils it. */
export interface AccountDirectory {
  find(id: string): Promise<Account | undefined>;
}
