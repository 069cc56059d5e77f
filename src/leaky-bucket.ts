// Owns leaky buckets, one per key: how much somebody has used up of what drains evenly with time.

/** Keys remembered. */
const MOST_KEYS = 10_000;
/** What stays of them when they are too many: sorted out in batches, so that a flood of new keys costs little for each. */
const KEPT = 7 / 8;
/** Of one unit: what has drained is computed from times, and a bucket with room for one must not seem a trace too full. */
const TRACE = 1e-6;

/**
 * Bounded: beyond a number of keys the emptiest are forgotten, whenever they came. A flood that changes its key each time
 * so forgets itself, never those that have used up much, its own first keys or others; to be rid of a full bucket it
 * would have to fill thousands as far.
 */
export interface LeakyBuckets {
  /** Puts one in. @returns what is in the bucket then */
  add(key: string): number;
  /** Puts one in, or so much of one, where no more than `capacity` are in the bucket then; else false. */
  addWithin(key: string, capacity: number, amount?: number): boolean;
  /** Takes out what was put in. */
  takeBack(key: string, amount?: number): void;
}

export interface LeakyBucketOptions {
  /** Milliseconds in which one drains. */
  readonly drain: number;
  readonly mostKeys?: number;
  /** Milliseconds of any clock; one that is put back holds up the draining no longer than until the next look. */
  readonly now: () => number;
}

interface Bucket {
  readonly level: number;
  readonly since: number;
}

export function createLeakyBuckets({ drain, mostKeys = MOST_KEYS, now }: LeakyBucketOptions): LeakyBuckets {
  const buckets = new Map<string, Bucket>();

  function levelAt(time: number, { level, since }: Bucket): number {
    return Math.max(0, level - Math.max(0, time - since) / drain);
  }

  function levelOf(key: string): number {
    const bucket = buckets.get(key);
    return bucket === undefined ? 0 : levelAt(now(), bucket);
  }

  function keep(key: string, level: number): number {
    buckets.set(key, { level, since: now() });
    if (buckets.size > mostKeys) forgetEmptiest();
    return level;
  }

  function forgetEmptiest(): void {
    const time = now();
    const byLevel = [...buckets].map(([key, bucket]) => ({ key, level: levelAt(time, bucket) }));
    byLevel.sort((one, other) => one.level - other.level);
    const surplus = byLevel.length - Math.max(1, Math.floor(mostKeys * KEPT));
    for (const { key } of byLevel.slice(0, surplus)) buckets.delete(key);
  }

  return {
    add: (key) => keep(key, levelOf(key) + 1),
    addWithin(key, capacity, amount = 1) {
      const level = levelOf(key);
      const fits = level + amount <= capacity + TRACE;
      keep(key, fits ? level + amount : level);
      return fits;
    },
    takeBack(key, amount = 1) {
      if (buckets.has(key)) keep(key, levelOf(key) - amount);
    },
  };
}
