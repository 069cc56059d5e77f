// Owns which targets are left alone because they fail, and for how long.

/** Milliseconds. */
const FIRST_REST = 5_000;
const LONGEST_REST = 5 * 60_000;
/** An answer of DNS that changes each time must not fill the memory. */
const MAX_KEPT = 200;

interface Rest {
  /** Of its last failure. */
  failedAt: number;
  length: number;
  until: number;
  /** Somebody was given it after its rest, to see whether it works again. */
  onTrial: boolean;
}

export interface Resting {
  /** The healthy first, in the order given, then those that rest, the one whose last failure is the oldest before the others. */
  healthyFirst<T>(items: readonly T[], keyOf: (item: T) => string): T[];
  failed(key: string): void;
  succeeded(key: string): void;
}

/** @param options.now milliseconds of a clock that only goes forward */
export function createResting({ now }: { now: () => number }): Resting {
  const rests = new Map<string, Rest>();

  /**
   * When its rest is over, one caller gets it in its own place; for the others it rests on until that one has told how it went,
   * or for as long again. So a dead server costs one client its connect timeout, not all.
   */
  function isResting(key: string): boolean {
    const rest = rests.get(key);
    if (rest === undefined) return false;
    if (now() < rest.until) return true;
    rest.until = now() + rest.length;
    rest.onTrial = true;
    return false;
  }

  return {
    healthyFirst(items, keyOf) {
      const judged = items.map((item) => ({ item, resting: isResting(keyOf(item)) }));
      const failedAt = (item: (typeof items)[number]): number => rests.get(keyOf(item))?.failedAt ?? 0;
      return [
        ...judged.filter(({ resting }) => !resting).map(({ item }) => item),
        ...judged
          .filter(({ resting }) => resting)
          .map(({ item }) => item)
          .sort((one, other) => failedAt(one) - failedAt(other)),
      ];
    },
    failed(key) {
      const at = now();
      const rest = rests.get(key);
      if (rest === undefined) {
        const oldest = rests.size < MAX_KEPT ? undefined : rests.keys().next().value;
        if (oldest !== undefined) rests.delete(oldest);
        rests.set(key, { failedAt: at, length: FIRST_REST, until: at + FIRST_REST, onTrial: false });
        return;
      }
      rest.failedAt = at;
      // Fifty connections that break together are one failure, not fifty.
      if (!rest.onTrial && at < rest.until) return;
      rest.length = Math.min(rest.length * 2, LONGEST_REST);
      rest.until = at + rest.length;
      rest.onTrial = false;
    },
    succeeded(key) {
      rests.delete(key);
    },
  };
}
