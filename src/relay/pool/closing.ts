// Owns the connections to an upstream that are given up and not closed yet: the upstream counts them, and so does the pool.

import type { UpstreamDialogue } from '../connection/dialogue.ts';

interface Closing {
  readonly limitKey: string;
  readonly closed: Promise<void>;
  /** `limitKey` of the new connection that takes its place, which is not begun before. */
  claimedBy: string | undefined;
}

/**
 * QUIT and the end of the connection take a round trip. Whoever opened another one meanwhile would, for that time, have one more
 * than the account may have, and Microsoft 365 answers such a one with 432.
 */
export class ClosingConnections {
  readonly #entries: Closing[] = [];
  readonly #onClosed: () => void;

  /** @param options.onClosed one of them is closed */
  constructor(options: { onClosed: () => void }) {
    this.#onClosed = options.onClosed;
  }

  add(dialogue: UpstreamDialogue, limitKey: string): void {
    if (!dialogue.open) return;
    const entry: Closing = { limitKey, closed: dialogue.closed(), claimedBy: undefined };
    this.#entries.push(entry);
    void entry.closed.then(() => {
      this.#entries.splice(this.#entries.indexOf(entry), 1);
      this.#onClosed();
    });
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Those whose place nobody has yet. */
  get unclaimed(): number {
    return this.#entries.filter(({ claimedBy }) => claimedBy === undefined).length;
  }

  /** Those that the account has besides the ones that are opening or held, a claimed one being counted with its successor. */
  of(limitKey: string): number {
    return this.#entries.filter((entry) => entry.limitKey === limitKey && entry.claimedBy !== limitKey)
      .length;
  }

  /** Whether one can be claimed; of that account where one is given. */
  has(limitKey?: string): boolean {
    return this.#find(limitKey) !== undefined;
  }

  /** The place of one of them. @returns when it is free */
  claim(by: string, limitKey?: string): Promise<void> {
    const entry = this.#find(limitKey);
    if (!entry) return Promise.resolve();
    entry.claimedBy = by;
    return entry.closed;
  }

  #find(limitKey?: string): Closing | undefined {
    return this.#entries.find(
      (entry) => entry.claimedBy === undefined && (limitKey === undefined || entry.limitKey === limitKey),
    );
  }
}
