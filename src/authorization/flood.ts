// Owns the limit on how many authorization requests one network may begin: each leaves a row behind until it expires.

import { clientNetwork } from '../network.ts';

/** Requests at once; then one for each {@link REFILL} milliseconds. An office behind one address signs in on Monday morning. */
const BURST = 300;
const REFILL = 200;
const MAX_NETWORKS = 10_000;

export interface FloodGate {
  /** Counts a request; false where it is one too many. */
  admits(address: string): boolean;
  /** Takes a counted one back. */
  forgives(address: string): void;
}

export interface FloodLimits {
  /** Requests at once. */
  readonly burst: number;
  /** Milliseconds after which one more may come. */
  readonly refill: number;
}

const SIGN_INS: FloodLimits = { burst: BURST, refill: REFILL };

export function createFloodGate(
  now: () => number = Date.now,
  { burst, refill }: FloodLimits = SIGN_INS,
): FloodGate {
  /** When the allowance of a network is whole again, milliseconds; the one that came longest ago first. */
  const wholeAt = new Map<string, number>();
  return {
    admits(address) {
      const network = clientNetwork(address);
      const before = Math.max(wholeAt.get(network) ?? 0, now());
      const after = before + refill;
      if (after - now() > burst * refill) return false;
      wholeAt.delete(network);
      wholeAt.set(network, after);
      const [oldest] = wholeAt.keys();
      if (wholeAt.size > MAX_NETWORKS && oldest !== undefined) wholeAt.delete(oldest);
      return true;
    },
    forgives(address) {
      const network = clientNetwork(address);
      const counted = wholeAt.get(network);
      if (counted !== undefined) wholeAt.set(network, counted - refill);
    },
  };
}
