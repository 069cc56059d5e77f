// What is remembered of tokens: bounded, the least recently used go first, each until a given time.

export interface VerifiedTokens<Verdict> {
  /** What is known of a token by its hash; undefined where it is unknown or its time is over (`now` in milliseconds). */
  get(key: string, now: number): Verdict | undefined;
  put(key: string, verdict: Verdict, until: number): void;
  drop(key: string): void;
}

interface Entry<Verdict> {
  readonly verdict: Verdict;
  readonly until: number;
}

/** Remembers `size` tokens at most; none for 0. */
export function createVerifiedTokens<Verdict>(size: number): VerifiedTokens<Verdict> {
  // A Map keeps the order of insertion: the first is the one not used for longest.
  const entries = new Map<string, Entry<Verdict>>();

  function get(key: string, now: number): Verdict | undefined {
    const entry = entries.get(key);
    if (!entry) return undefined;
    entries.delete(key);
    if (entry.until <= now) return undefined;
    entries.set(key, entry);
    return entry.verdict;
  }

  function put(key: string, verdict: Verdict, until: number): void {
    if (size === 0) return;
    entries.delete(key);
    if (entries.size >= size) {
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    }
    entries.set(key, { verdict, until });
  }

  return { get, put, drop: (key) => void entries.delete(key) };
}
