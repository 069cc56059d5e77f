// Owns the bound on refusal lines: a peer that is refused hundreds of times a second must not fill the disk with it.

import { clientNetwork } from '../network.ts';

/** Peers told apart within one second; beyond that the rest share one count. */
const MAX_PEERS = 10_000;
const OTHERS = 'others';

export interface FloodLimit {
  /** True where one more line about this peer may be written in this second. */
  admits(peer: string): boolean;
  close(): void;
}

export function createFloodLimit(options: {
  readonly linesPerSecond: number;
  /** Called once a second for each peer over the limit. */
  readonly onSuppressed: (peer: string, lines: number) => void;
}): FloodLimit {
  const seconds = new Map<string, { lines: number; suppressed: number }>();
  let timer: NodeJS.Timeout | undefined;

  return {
    admits(peer) {
      timer ??= setTimeout(summarise, 1_000).unref();
      const count = countOf(networkOf(peer));
      if (count.lines < options.linesPerSecond) {
        count.lines += 1;
        return true;
      }
      count.suppressed += 1;
      return false;
    },
    close: summarise,
  };

  function countOf(network: string): { lines: number; suppressed: number } {
    const key = seconds.has(network) || seconds.size < MAX_PEERS ? network : OTHERS;
    let count = seconds.get(key);
    if (count === undefined) {
      count = { lines: 0, suppressed: 0 };
      seconds.set(key, count);
    }
    return count;
  }

  function summarise(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const [peer, count] of seconds) {
      if (count.suppressed > 0) {
        options.onSuppressed(peer, count.suppressed);
      }
    }
    seconds.clear();
  }
}

function networkOf(peer: string): string {
  const network = clientNetwork(peer);
  return network.includes(':') ? `${network}::/64` : network;
}
