// The interface through which session ticket keys are kept; store/ fulfils it.

/** One key of the processes that share a store. Times in seconds since the epoch. */
export interface StoredTicketKey {
  /** From then on tickets are made under it; a store holds one key for each start. */
  readonly startsAt: number;
  /** No ticket made under it is of use from then on. */
  readonly expiresAt: number;
  /** 48 bytes in base64: name, HMAC key, AES key, 16 bytes each. */
  readonly key: string;
}

export interface TicketKeyStore {
  /** The keys that have not expired, in the order of their start. */
  listLive(now: number): Promise<readonly StoredTicketKey[]>;
  /** Adds keys, leaving out those whose start another process was faster with. */
  addMissing(keys: readonly StoredTicketKey[]): Promise<void>;
  removeExpired(now: number): Promise<number>;
}
