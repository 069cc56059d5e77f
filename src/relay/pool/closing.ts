// Owns the connections to a mail server that are given up and not closed yet: the server counts them, and so does the pool.

import type { UpstreamDialogue } from '../connection/dialogue.ts';
import { type Counted, isOf, type Of } from './counted.ts';

interface Closing {
  readonly counted: Counted;
  readonly closed: Promise<void>;
  /** The new connection that takes its place, which is not begun before. */
  claimedBy: Counted | undefined;
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

  add(dialogue: UpstreamDialogue, counted: Counted): void {
    if (!dialogue.open) return;
    const entry: Closing = { counted, closed: dialogue.closed(), claimedBy: undefined };
    this.#entries.push(entry);
    void entry.closed.then(() => {
      this.#entries.splice(this.#entries.indexOf(entry), 1);
      this.#onClosed();
    });
  }

  size(of: Of): number {
    return this.#entries.filter(({ counted }) => isOf(counted, of)).length;
  }

  /** Those that there are besides the ones that are opening or held: one whose place is claimed by its like is counted with that. */
  besides(of: Of): number {
    return this.#entries.filter(
      ({ counted, claimedBy }) => isOf(counted, of) && !(claimedBy && isOf(claimedBy, of)),
    ).length;
  }

  /** Whether one can be claimed. */
  has(of: Of): boolean {
    return this.#find(of) !== undefined;
  }

  /** The place of one of them. @returns when it is free */
  claim(by: Counted, of: Of): Promise<void> {
    const entry = this.#find(of);
    if (!entry) return Promise.resolve();
    entry.claimedBy = by;
    return entry.closed;
  }

  #find(of: Of): Closing | undefined {
    return this.#entries.find(({ counted, claimedBy }) => claimedBy === undefined && isOf(counted, of));
  }
}
