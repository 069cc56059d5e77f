// Owns the price of failed sign-ins: the answer to a failure waits, the answer to a good token never does.

import { createLeakyBuckets, type LeakyBuckets } from '../../leaky-bucket.ts';
import { clientNetwork } from '../../network.ts';

/** Failures that cost nothing: somebody's token has expired on five devices at once. */
const FREE = 20;
/** Milliseconds after which one is forgiven. */
const FORGIVEN_AFTER = 1_000;
/** Milliseconds for each failure beyond the free ones. */
const STEP = 50;
const MAX_DELAY = 5_000;

/**
 * A token cannot be guessed, so failures need no lock-out: they only must not be cheap. Each network's failures are counted in
 * a leaky bucket, and the fuller it is, the longer a bad token's answer waits. The connections that wait are bounded by `Admission`.
 */
export class Penalty {
  readonly #failures: LeakyBuckets;

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number = () => performance.now()) {
    this.#failures = createLeakyBuckets({ drain: FORGIVEN_AFTER, now });
  }

  /** Counts a failure from this address. @returns milliseconds for which its answer is to wait */
  failed(address: string): number {
    const failures = this.#failures.add(clientNetwork(address));
    return Math.min(MAX_DELAY, Math.max(0, failures - FREE) * STEP);
  }
}
