// Owns the limit on how many authorization requests one network may begin: each leaves a row behind until it expires.

import { clientNetwork } from '../network.ts';

/** Requests at once; then one for each {@link REFILL} milliseconds. An office behind one address signs in on Monday morning. */
const BURST = 300;
const REFILL = 200;
/** RFC 6177 §2: anybody may have an IPv6 site of 65,536 networks; together they are worth this many. */
const SITE = 16;
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

  function note(network: string, time: number): void {
    wholeAt.delete(network);
    wholeAt.set(network, time);
    const [oldest] = wholeAt.keys();
    if (wholeAt.size > MAX_NETWORKS && oldest !== undefined) wholeAt.delete(oldest);
  }

  return {
    admits(address) {
      const counts = countsOf(address).map(({ network, share }) => {
        const after = Math.max(wholeAt.get(network) ?? 0, now()) + refill / share;
        return { network, after, isFull: after - now() > burst * refill };
      });
      if (counts.some(({ isFull }) => isFull)) return false;
      for (const { network, after } of counts) note(network, after);
      return true;
    },
    forgives(address) {
      for (const { network, share } of countsOf(address)) {
        const counted = wholeAt.get(network);
        if (counted !== undefined) wholeAt.set(network, counted - refill / share);
      }
    },
  };
}

/** Whom a request is counted against, and for how much less than a whole one. */
function countsOf(address: string): { readonly network: string; readonly share: number }[] {
  const network = clientNetwork(address);
  const [, site] = /^([0-9a-f]+:[0-9a-f]+:[0-9a-f]+):[0-9a-f]+$/.exec(network) ?? [];
  return [{ network, share: 1 }, ...(site === undefined ? [] : [{ network: `${site}::/48`, share: SITE }])];
}
