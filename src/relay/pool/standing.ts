// Owns the connections to a mail server that stand: signed in to which account, carrying whose message, or idle.

import type { UpstreamDialogue } from '../connection/dialogue.ts';
import type { Account } from './account.ts';
import { type Counted, isOf, type Of } from './counted.ts';

export interface Held {
  readonly dialogue: UpstreamDialogue;
  /** The pool that has made it, and alone may use it: another one's settings may want another protection. */
  readonly owner: object;
  readonly counted: Counted;
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

  get idle(): readonly Held[] {
    return this.#idle;
  }

  get(dialogue: UpstreamDialogue): Held | undefined {
    return this.#held.get(dialogue);
  }

  /** In use by the account's user from now on. */
  add(given: Pick<Held, 'dialogue' | 'owner' | 'counted' | 'account'>): Held {
    const held: Held = { ...given, user: given.account.user, timer: undefined };
    this.#held.set(given.dialogue, held);
    return held;
  }

  /** Idle from now on, for so many milliseconds. */
  rest(held: Held, { most, onOver }: { most: number; onOver: () => void }): void {
    held.timer = setTimeout(onOver, most).unref();
    this.#idle.push(held);
    held.dialogue.resting = true;
  }

  /** The idle one of the owner's account that was used last, in use from now on: the others grow old and are closed. */
  take(owner: object, { key, user }: Account): UpstreamDialogue | undefined {
    const held = this.#idle.findLast((each) => each.owner === owner && each.account.key === key);
    if (!held) return undefined;
    this.#wake(held);
    held.user = user;
    return held.dialogue;
  }

  /** The one that has been idle longest. */
  oldest(of: Of): Held | undefined {
    return this.#idle.find(({ counted }) => isOf(counted, of));
  }

  /** False where it was forgotten before. */
  forget(held: Held): boolean {
    this.#wake(held);
    return this.#held.delete(held.dialogue);
  }

  size(of: Of): number {
    return this.#count(({ counted }) => isOf(counted, of));
  }

  inUse(of: Of): number {
    return this.#count(({ counted, user }) => user !== undefined && isOf(counted, of));
  }

  ofUser(user: string, of: Of): number {
    return this.#count((held) => held.user === user && isOf(held.counted, of));
  }

  ofOwner(owner: object): number {
    return this.#count((held) => held.owner === owner);
  }

  #wake(held: Held): void {
    clearTimeout(held.timer);
    held.dialogue.resting = false;
    this.#idle = this.#idle.filter((other) => other !== held);
  }

  #count(is: (held: Held) => boolean): number {
    let count = 0;
    for (const held of this.#held.values()) if (is(held)) count += 1;
    return count;
  }
}
