// The verified tokens remembered: bounded, the least recently used go first, each until a given time.

import type { Principal } from '../principal.ts';

export interface VerifiedTokens {
  /** The Principal of a token by its hash; undefined where it is unknown or its time is over (`now` in milliseconds). */
  get(key: string, now: number): Principal | undefined;
  put(key: string, principal: Principal, until: number): void;
  drop(key: string): void;
}

interface Entry {
  readonly principal: Principal;
  readonly until: number;
}

/** Remembers `size` tokens at most; none for 0. */
export function createVerifiedTokens(size: number): VerifiedTokens {
  // A Map keeps the order of insertion: the first is the one not used for longest.
  const entries = new Map<string, Entry>();

  function get(key: string, now: number): Principal | undefined {
    const entry = entries.get(key);
    if (!entry) return undefined;
    entries.delete(key);
    if (entry.until <= now) return undefined;
    entries.set(key, entry);
    return entry.principal;
  }

  function put(key: string, principal: Principal, until: number): void {
    if (size === 0) return;
    entries.delete(key);
    if (entries.size >= size) {
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    }
    entries.set(key, { principal, until });
  }

  return { get, put, drop: (key) => void entries.delete(key) };
}
