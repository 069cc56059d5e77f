// Owns what is known of an upstream: whether it is there, what it offers, and when that is to be asked anew.

import { isRefusal, type Refusal } from '../refusal.ts';
import type { Capabilities } from './connection/capabilities.ts';
import type { UpstreamDialogue } from './connection/dialogue.ts';

/** Without any connection the upstream's word counts for so long; an MTA that was set up anew shows itself by then. */
const FRESH = 60_000;
/** An upstream that did not answer is not asked again for so long: each of a thousand clients would ask it. */
const RETRY = 5_000;
/** A client is not kept waiting for longer; it is told what was last known. */
const PATIENCE = 2_000;
/** Transactions in a row that the upstream broke off; one alone may be the message's own fault. */
const MAX_TROUBLES = 3;

export class Knowledge {
  /** What it offered when it was last spoken to, be it by another one before this. */
  capabilities: Capabilities | undefined;
  /** Why the upstream is not there; undefined where it is, or was never asked. */
  down: Refusal | undefined;
  contacted = false;
  /** A connection was lost that Postern did not cut: perhaps the upstream started anew, with other settings. */
  #doubtful = false;
  #heard = Number.NEGATIVE_INFINITY;
  #troubles = 0;
  /** Accounts at whose sign-in that was. */
  readonly #troubledAt = new Set<string>();
  /** Checks in a row that found it failing. */
  #failures = 0;
  #asked = Number.NEGATIVE_INFINITY;
  #asking: Promise<unknown> | undefined;
  #check: NodeJS.Timeout | undefined;
  /** Milliseconds between two checks while it is well, where it is looked after. */
  #interval: number | undefined;
  readonly #listeners: ((down: Refusal | undefined) => void)[] = [];
  readonly #ask: () => Promise<unknown>;
  readonly #connections: () => number;

  /**
   * @param options.ask makes a new connection, whose end is told by {@link Knowledge.connected}
   * @param options.connections how many there are
   * @param options.capabilities what it offered before, until it has been spoken to
   */
  constructor(options: {
    ask: () => Promise<unknown>;
    connections: () => number;
    capabilities?: Capabilities | undefined;
  }) {
    this.capabilities = options.capabilities;
    this.#ask = options.ask;
    this.#connections = options.connections;
  }

  onChange(listener: (down: Refusal | undefined) => void): void {
    this.#listeners.push(listener);
  }

  /** A new connection stands, or could not be made. */
  connected(outcome: UpstreamDialogue | Refusal): void {
    if (!isRefusal(outcome)) {
      this.capabilities = outcome.capabilities;
      this.#doubtful = false;
      this.#heard = performance.now();
    }
    this.#judge(isRefusal(outcome) ? outcome : undefined);
  }

  /** A connection is lost. */
  lost(dialogue: UpstreamDialogue): void {
    if (!dialogue.cut) this.#doubtful = true;
  }

  /** The upstream has answered a message to its end. */
  served(): void {
    this.#troubles = 0;
    this.#troubledAt.clear();
    this.#failures = 0;
    this.#heard = performance.now();
  }

  /**
   * The upstream has broken off a transaction, or did not answer.
   * @param account at whose sign-in that was, where there are several: it counts once for each
   */
  troubled(refusal: Refusal, account?: string): void {
    if (account !== undefined && this.#troubledAt.has(account)) return;
    if (account !== undefined) this.#troubledAt.add(account);
    this.#troubles += 1;
    if (this.#troubles < MAX_TROUBLES) return;
    this.#troubledAt.clear();
    // It connects, and fails behind that: found there again it gets one try, not another three.
    this.#troubles = MAX_TROUBLES - 1;
    this.#judge(refusal);
  }

  /** What the upstream offers now: asked anew where its last word may be out of date, within {@link PATIENCE}. */
  async current(): Promise<Capabilities | undefined> {
    if (!this.#outOfDate()) return this.capabilities;
    if (performance.now() - this.#asked > RETRY) void this.#askOnce();
    if (this.#asking) await withinTime(this.#asking, PATIENCE);
    return this.capabilities;
  }

  /** Asks again and again: after `interval` without a word, and a failing one after 5 s, 10 s, 20 s, … up to `interval`. */
  watch(interval: number): void {
    this.#interval = interval;
    this.#plan();
  }

  close(): void {
    clearTimeout(this.#check);
    this.#interval = undefined;
  }

  #plan(): void {
    const interval = this.#interval;
    if (interval === undefined) return;
    clearTimeout(this.#check);
    const pause = this.down ? Math.min(interval, RETRY * 2 ** this.#failures) : interval;
    this.#check = setTimeout(() => void this.#look(interval), pause).unref();
  }

  async #look(interval: number): Promise<void> {
    const quiet = performance.now() - this.#heard >= interval && this.#connections() === 0;
    if (this.down || quiet) {
      const again = this.down !== undefined;
      await this.#askOnce();
      this.#failures = this.down && again ? Math.min(this.#failures + 1, 20) : 0;
    }
    this.#plan();
  }

  #askOnce(): Promise<unknown> {
    this.#asked = performance.now();
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  #judge(down: Refusal | undefined): void {
    const changed = !this.contacted || Boolean(down) !== Boolean(this.down);
    this.contacted = true;
    this.down = down;
    if (!changed) return;
    // The next check was planned for an upstream that is well.
    if (down) this.#plan();
    for (const listener of this.#listeners) listener(down);
  }

  #outOfDate(): boolean {
    if (!this.contacted) return false;
    if (this.#doubtful || this.down) return true;
    return this.#connections() === 0 && performance.now() - this.#heard > FRESH;
  }
}

async function withinTime(work: Promise<unknown>, milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
