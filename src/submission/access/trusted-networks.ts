// Owns the servers that may send without signing in: which entry an address belongs to, as whom it sends, how much.

import { createLeakyBuckets } from '../../leaky-bucket.ts';
import { createNetworks, type Networks } from '../../network.ts';
import type { Principal } from '../../principal.ts';
import { networkPrincipal } from '../../token/network-principal.ts';
import type { TrustedNetworkSettings } from '../listener-settings.ts';

/** What `mechanism` says in the journal and in the list of sessions. */
export const TRUSTED_NETWORK = 'trusted-network';

export interface TrustedNetwork {
  readonly settings: TrustedNetworkSettings;
  readonly principal: Principal;
  /** Takes one message off this minute's allowance; false where it is used up. */
  admitsMessage(): boolean;
}

export class TrustedNetworks {
  readonly #entries: readonly { networks: Networks; trusted: TrustedNetwork }[];

  /** @param now milliseconds of a monotonic clock */
  constructor(settings: readonly TrustedNetworkSettings[], now: () => number = () => performance.now()) {
    this.#entries = settings.map((entry) => ({
      networks: createNetworks(entry.networks),
      trusted: {
        settings: entry,
        principal: networkPrincipal(entry),
        admitsMessage: allowance(entry.maxMessagesPerMinute, now),
      },
    }));
  }

  /** The first entry that holds the address; undefined where none does. */
  find(address: string): TrustedNetwork | undefined {
    return this.#entries.find(({ networks }) => networks.contains(address))?.trusted;
  }
}

/** A minute's worth at once, then evenly. */
function allowance(perMinute: number, now: () => number): () => boolean {
  const messages = createLeakyBuckets({ drain: 60_000 / perMinute, now });
  return () => messages.addWithin('all', perMinute);
}
