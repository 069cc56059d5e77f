// Owns the limit on how many authorization requests one network may begin: each leaves a row behind until it expires.

import { createLeakyBuckets } from '../leaky-bucket.ts';
import { clientNetwork } from '../network.ts';

/** RFC 6177 §2: anybody may have an IPv6 site of 65,536 networks; together they are worth this many. */
const SITE = 16;

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

/** An office behind one address signs in on Monday morning. */
const SIGN_INS: FloodLimits = { burst: 300, refill: 200 };

export function createFloodGate(
  now: () => number = Date.now,
  { burst, refill }: FloodLimits = SIGN_INS,
): FloodGate {
  const requests = createLeakyBuckets({ drain: refill, now });
  return {
    admits(address) {
      const [network, site] = countsOf(address);
      if (!requests.addWithin(network, burst)) return false;
      if (site === undefined || requests.addWithin(site, burst, 1 / SITE)) return true;
      requests.takeBack(network);
      return false;
    },
    forgives(address) {
      const [network, site] = countsOf(address);
      requests.takeBack(network);
      if (site !== undefined) requests.takeBack(site, 1 / SITE);
    },
  };
}

/** Whom a request is counted against: its network, and for a small part the site that this may belong to. */
function countsOf(address: string): [network: string, site: string | undefined] {
  const network = clientNetwork(address);
  const [, site] = /^([0-9a-f]+:[0-9a-f]+:[0-9a-f]+):[0-9a-f]+$/.exec(network) ?? [];
  return [network, site === undefined ? undefined : `${site}::/48`];
}
