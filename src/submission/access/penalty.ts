// Owns the price of failed sign-ins: the answer to a failure waits, the answer to a good token never does.

import { clientNetwork } from '../../network.ts';

/** Failures that cost nothing: somebody's token has expired on five devices at once. */
const FREE = 20;
/** One is forgiven a second. */
const FORGIVEN_PER_SECOND = 1;
/** Milliseconds for each failure beyond the free ones. */
const STEP = 50;
const MAX_DELAY = 5_000;
/** Networks remembered; beyond that the one that failed longest ago is forgotten. */
const MAX_NETWORKS = 10_000;

interface Debt {
  failures: number;
  /** Of the monotonic clock, milliseconds. */
  since: number;
}

/**
 * A token cannot be guessed, so failures need no lock-out: they only must not be cheap. Each network's failures are counted in
 * a leaky bucket, and the fuller it is, the longer a bad token's answer waits. The connections that wait are bounded by `Admission`.
 */
export class Penalty {
  readonly #debts = new Map<string, Debt>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Counts a failure from this address. @returns milliseconds for which its answer is to wait */
  failed(address: string): number {
    const network = clientNetwork(address);
    const now = this.#now();
    const debt = this.#debts.get(network) ?? { failures: 0, since: now };
    const forgiven = ((now - debt.since) / 1000) * FORGIVEN_PER_SECOND;
    const failures = Math.max(0, debt.failures - forgiven) + 1;
    // Set anew, so that the map stays in the order of the last failure.
    this.#debts.delete(network);
    this.#debts.set(network, { failures, since: now });
    if (this.#debts.size > MAX_NETWORKS) this.#debts.delete(this.#debts.keys().next().value ?? '');
    return Math.min(MAX_DELAY, Math.max(0, failures - FREE) * STEP);
  }
}
