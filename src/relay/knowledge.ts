// Owns what is known of the upstream: whether it is there, what it offers, and when that is to be asked anew.

import { isRefusal, type Refusal } from '../refusal.ts';
import type { Capabilities } from './capabilities.ts';
import type { UpstreamDialogue } from './dialogue.ts';

/** Without any connection the upstream's word counts for so long; an MTA that was set up anew shows itself by then. */
const FRESH = 60_000;
/** An upstream that did not answer is not asked again for so long: each of a thousand clients would ask it. */
const RETRY = 5_000;
/** A client is not kept waiting for longer; it is told what was last known. */
const PATIENCE = 2_000;

export class Knowledge {
  capabilities: Capabilities | undefined;
  /** Why the upstream is not there; undefined where it is, or was never asked. */
  down: Refusal | undefined;
  contacted = false;
  /** A connection was lost that Postern did not cut: perhaps the upstream started anew, with other settings. */
  #doubtful = false;
  #heard = 0;
  #asked = Number.NEGATIVE_INFINITY;
  #asking: Promise<unknown> | undefined;
  readonly #listeners: ((down: Refusal | undefined) => void)[] = [];
  readonly #ask: () => Promise<unknown>;
  readonly #connections: () => number;

  /**
   * @param options.ask makes a new connection, whose end is told by {@link Knowledge.connected}
   * @param options.connections how many there are
   */
  constructor(options: { ask: () => Promise<unknown>; connections: () => number }) {
    this.#ask = options.ask;
    this.#connections = options.connections;
  }

  onChange(listener: (down: Refusal | undefined) => void): void {
    this.#listeners.push(listener);
  }

  /** A new connection stands, or could not be made. */
  connected(outcome: UpstreamDialogue | Refusal): void {
    const down = isRefusal(outcome) ? outcome : undefined;
    const changed = !this.contacted || Boolean(down) !== Boolean(this.down);
    this.contacted = true;
    this.down = down;
    if (!isRefusal(outcome)) {
      this.capabilities = outcome.capabilities;
      this.#doubtful = false;
      this.#heard = performance.now();
    }
    if (changed) for (const listener of this.#listeners) listener(down);
  }

  /** A connection is lost. */
  lost(dialogue: UpstreamDialogue): void {
    if (!dialogue.cut) this.#doubtful = true;
  }

  /** What the upstream offers now: asked anew where its last word may be out of date, within {@link PATIENCE}. */
  async current(): Promise<Capabilities | undefined> {
    if (!this.#outOfDate()) return this.capabilities;
    if (!this.#asking && performance.now() - this.#asked > RETRY) {
      this.#asked = performance.now();
      this.#asking = this.#ask().finally(() => {
        this.#asking = undefined;
      });
    }
    if (this.#asking) await withinTime(this.#asking, PATIENCE);
    return this.capabilities;
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
