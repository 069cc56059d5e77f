// Owns the connections to an upstream that stand: signed in to which account, carrying whose message, or idle.

import type { UpstreamDialogue } from '../connection/dialogue.ts';
import type { Account } from './account.ts';

export interface Held {
  readonly dialogue: UpstreamDialogue;
  /** The account that it is signed in to. */
  readonly account: Account;
  /** Whose message it carries; undefined while it is idle. */
  user: string | undefined;
  /** Ends its idleness. */
  timer: NodeJS.Timeout | undefined;
}

export class StandingConnections {
  readonly #held = new Map<UpstreamDialogue, Held>();
  /** Of the held ones, the oldest first. */
  #idle: Held[] = [];

  get size(): number {
    return this.#held.size;
  }

  get idle(): readonly Held[] {
    return this.#idle;
  }

  get(dialogue: UpstreamDialogue): Held | undefined {
    return this.#held.get(dialogue);
  }

  /** In use by the account's user from now on. */
  add(dialogue: UpstreamDialogue, account: Account): Held {
    const held: Held = { dialogue, account, user: account.user, timer: undefined };
    this.#held.set(dialogue, held);
    return held;
  }

  /** Idle from now on, for so many milliseconds. */
  rest(held: Held, { most, onOver }: { most: number; onOver: () => void }): void {
    held.timer = setTimeout(onOver, most).unref();
    this.#idle.push(held);
  }

  /** The idle one of the account that was used last, in use from now on: the others grow old and are closed. */
  take({ key, user }: Account): UpstreamDialogue | undefined {
    const held = this.#idle.findLast(({ account }) => account.key === key);
    if (!held) return undefined;
    this.#wake(held);
    held.user = user;
    return held.dialogue;
  }

  /** The one that has been idle longest; of that account where one is given. */
  oldest(limitKey: string | undefined): Held | undefined {
    return this.#idle.find(({ account }) => limitKey === undefined || account.limitKey === limitKey);
  }

  /** False where it was forgotten before. */
  forget(held: Held): boolean {
    this.#wake(held);
    return this.#held.delete(held.dialogue);
  }

  ofAccount(limitKey: string): number {
    return this.#count(({ account }) => account.limitKey === limitKey);
  }

  inUseOf(limitKey: string): number {
    return this.#count(({ account, user }) => account.limitKey === limitKey && user !== undefined);
  }

  ofUser(user: string): number {
    return this.#count((held) => held.user === user);
  }

  #wake(held: Held): void {
    clearTimeout(held.timer);
    this.#idle = this.#idle.filter((other) => other !== held);
  }

  #count(is: (held: Held) => boolean): number {
    let count = 0;
    for (const held of this.#held.values()) if (is(held)) count += 1;
    return count;
  }
}
