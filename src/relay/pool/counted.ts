// Owns what a connection to a mail server is counted by: the upstream of the settings that it is for, and the account.

export interface Counted {
  /** `id` of the upstream in the settings. */
  readonly upstream: string;
  /** As in `Account`. */
  readonly limitKey: string;
}

/** Those of an upstream, of an account, of both; every one where nothing is said. */
export type Of = Partial<Counted>;

export function isOf(one: Counted, { upstream, limitKey }: Of): boolean {
  return (
    (upstream === undefined || one.upstream === upstream) &&
    (limitKey === undefined || one.limitKey === limitKey)
  );
}
