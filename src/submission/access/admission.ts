// Owns who gets a place: strangers, who have not signed in, give way to newer ones; whoever has signed in keeps its place.

import { clientNetwork } from '../../network.ts';

/** One connection's place. */
export interface Place {
  /** A sign-in failed here: such a connection gives way before those that have not tried yet. */
  failed(): void;
  /** False where `user` holds as many places as `limit` allows; the place then still is a stranger's. */
  signedIn(user: string, limit: number): boolean;
  /** Whom to close when this place is needed by another. */
  onEvicted(evict: () => void): void;
  leave(): void;
}

interface Stranger {
  evict: () => void;
  failed: boolean;
  /** Of the monotonic clock, milliseconds. */
  readonly since: number;
}

/** What a stranger weighs from the first, in milliseconds of its stay. */
const ARRIVAL = 500;

/**
 * Nobody can be kept out by connections that lead nowhere: a network's 201st makes its oldest stranger go, and where every place
 * is taken the network with the most strangers, and those that stay longest, loses one. A client that signs in at once is through before its turn comes.
 */
export class Admission {
  readonly #maxConnections: number;
  readonly #maxStrangers: number;
  /** By network; each in the order in which they came. */
  readonly #strangers = new Map<string, Set<Stranger>>();
  readonly #users = new Map<string, number>();
  readonly #now: () => number;
  #total = 0;

  constructor(
    limits: { maxConnections: number; maxConnectionsPerAddress: number },
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#maxConnections = limits.maxConnections;
    this.#maxStrangers = limits.maxConnectionsPerAddress;
  }

  /** Undefined where every place is held by somebody who has signed in. */
  enter(address: string): Place | undefined {
    const network = clientNetwork(address);
    const here = this.#strangers.get(network);
    if (here && here.size >= this.#maxStrangers) this.#evictFrom(network, here);
    else if (this.#total >= this.#maxConnections && !this.#evictFromLargest()) return undefined;
    const stranger: Stranger = { evict: () => undefined, failed: false, since: this.#now() };
    const strangers = this.#strangers.get(network) ?? new Set();
    this.#strangers.set(network, strangers.add(stranger));
    this.#total += 1;
    return this.#place(network, stranger);
  }

  #place(network: string, stranger: Stranger): Place {
    let user: string | undefined;
    let left = false;
    return {
      failed() {
        stranger.failed = true;
      },
      signedIn: (name, limit) => {
        const held = this.#users.get(name) ?? 0;
        // Evicted just now: its place is another's already.
        if (left || held >= limit || !this.#forget(network, stranger)) return false;
        this.#users.set(name, held + 1);
        user = name;
        return true;
      },
      onEvicted(evict) {
        stranger.evict = evict;
      },
      leave: () => {
        if (left) return;
        left = true;
        if (user === undefined) {
          if (this.#forget(network, stranger)) this.#total -= 1;
          return;
        }
        this.#total -= 1;
        const held = (this.#users.get(user) ?? 1) - 1;
        if (held > 0) this.#users.set(user, held);
        else this.#users.delete(user);
      },
    };
  }

  #evictFromLargest(): boolean {
    const now = this.#now();
    let largest: [string, Set<Stranger>] | undefined;
    let most = 0;
    for (const entry of this.#strangers) {
      const weight = weightOf(entry[1], now);
      if (weight <= most) continue;
      most = weight;
      largest = entry;
    }
    if (!largest) return false;
    this.#evictFrom(...largest);
    return true;
  }

  #evictFrom(network: string, strangers: Set<Stranger>): void {
    let victim: Stranger | undefined;
    for (const stranger of strangers) {
      victim ??= stranger;
      if (!stranger.failed) continue;
      victim = stranger;
      break;
    }
    if (!victim) return;
    this.#forget(network, victim);
    this.#total -= 1;
    victim.evict();
  }

  #forget(network: string, stranger: Stranger): boolean {
    const strangers = this.#strangers.get(network);
    if (!strangers?.delete(stranger)) return false;
    if (strangers.size === 0) this.#strangers.delete(network);
    return true;
  }
}

/** Many who sign in at once weigh less than a few that stay: a busy office must not give way to a crowd of idlers. */
function weightOf(strangers: ReadonlySet<Stranger>, now: number): number {
  let weight = 0;
  for (const { since } of strangers) weight += ARRIVAL + now - since;
  return weight;
}
