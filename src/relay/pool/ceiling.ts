// Owns how many connections an upstream takes, or takes for one account, where it has said that it takes no more: found out gently, not by knocking.

/** After each of these Postern tries one more. */
const STEP = 5_000;
/** When it is of no account any more. */
const MANY_STEPS = 100;

export class Ceiling {
  #found: { connections: number; at: number } | undefined;

  /**
   * Connections to have at most, now.
   * @param max what the settings allow
   */
  most(max: number): number {
    if (!this.#found) return max;
    const { connections, at } = this.#found;
    return Math.min(max, connections + Math.floor((performance.now() - at) / STEP));
  }

  /** True while there is nothing to remember. */
  get idle(): boolean {
    return !this.#found || performance.now() - this.#found.at > STEP * MANY_STEPS;
  }

  /** A further one was turned away while so many stood. */
  hit(connections: number): void {
    this.#found = { connections: Math.max(1, connections), at: performance.now() };
  }

  /** So many stand. */
  stands(connections: number): void {
    if (this.#found && connections > this.#found.connections) this.#found.connections = connections;
  }
}
