// Owns the judgement that a client sends too slowly: one that trickles holds a connection, and one to the upstream with it.

/** A client's pace is judged only after this long. */
const GRACE = 60_000;

export class Pace {
  readonly #minBytesPerSecond: number;
  readonly #started = performance.now();
  #waited = 0;

  constructor(minBytesPerSecond: number) {
    this.#minBytesPerSecond = minBytesPerSecond;
  }

  /** @param bytes all that have come so far */
  tooSlow(bytes: number): boolean {
    const spent = performance.now() - this.#started - this.#waited;
    return spent > GRACE && (bytes * 1000) / spent < this.#minBytesPerSecond;
  }

  /** Waiting for the upstream is not the client's fault. */
  async wait(busy: Promise<void>): Promise<void> {
    const since = performance.now();
    await busy;
    this.#waited += performance.now() - since;
  }
}
