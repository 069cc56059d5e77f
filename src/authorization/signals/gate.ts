// Owns the bound on how many signals are looked at: whoever floods us with forged ones must not cost more than a little.

import { createFloodGate, type FloodLimits } from '../flood.ts';

/** An identity provider that logs out a whole organisation comes with thousands at once, and does not repeat a refused one. */
const ONE_PEER: FloodLimits = { burst: 2_000, refill: 10 };
const ALL_STRANGERS: FloodLimits = { burst: 1_000, refill: 10 };
const MAX_KNOWN = 1_000;
const KNOWN_FOR = 24 * 3_600_000;

export interface SignalGate {
  /** Counts a request; false where it is one too many. */
  admits(peer: string): boolean;
  /**
   * Notes that a peer has sent a signal that was believed. Strangers share one allowance, so that a flood from many
   * addresses stays bounded; it must not shut out those who have shown whom they speak for.
   */
  believe(peer: string): void;
}

export function createSignalGate(now: () => number = Date.now): SignalGate {
  const peers = createFloodGate(now, ONE_PEER);
  const strangers = createFloodGate(now, ALL_STRANGERS);
  const knownUntil = new Map<string, number>();
  return {
    admits(peer) {
      if (!peers.admits(peer)) return false;
      return (knownUntil.get(peer) ?? 0) > now() || strangers.admits('everybody');
    },
    believe(peer) {
      knownUntil.delete(peer);
      knownUntil.set(peer, now() + KNOWN_FOR);
      const [oldest] = knownUntil.keys();
      if (knownUntil.size > MAX_KNOWN && oldest !== undefined) knownUntil.delete(oldest);
    },
  };
}
