// Owns how many messages go to one account of an upstream in any 60 seconds: who is let through, who waits, who hears no.

import { type Refusal, refuse } from '../../refusal.ts';

const MINUTE = 60_000;

/** Leave to hand over one message. Exactly one of the two is called, once; whatever follows does nothing. */
export interface Turn {
  /** The upstream has the whole message, or may have it. */
  sent(): void;
  /** It got none. */
  unused(): void;
}

interface Waiting {
  readonly give: (turn: Turn | Refusal) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * A message counts from when its turn is given until 60 s after it was sent. So no 60 seconds by the upstream's own clock
 * see more than the limit, however long a message was on its way.
 */
export class MessageRate {
  readonly #limit: number;
  readonly #now: () => number;
  #underWay = 0;
  /** When those of the last minute were sent, oldest first. */
  #sent: number[] = [];
  readonly #waiting: Waiting[] = [];
  #wake: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param options.now milliseconds of a clock that never goes back */
  constructor(options: { limit: number; now?: () => number }) {
    this.#limit = options.limit;
    this.#now = options.now ?? (() => performance.now());
  }

  /** True while nothing needs to be remembered. */
  get idle(): boolean {
    this.#forget();
    return this.#underWay === 0 && this.#sent.length === 0 && this.#waiting.length === 0;
  }

  /** Refuses `upstream-limit` where no turn comes within the time; at once where it is certain that none will. */
  take(maxWait: number): Promise<Turn | Refusal> {
    if (this.#closed) return Promise.resolve(closedRefusal());
    if (this.#waiting.length === 0 && this.#hasRoom()) return Promise.resolve(this.#give());
    if (maxWait <= 0 || this.#hopeless(maxWait)) return Promise.resolve(this.#no());
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(this.#no());
      }, maxWait);
      const waiting = { give: resolve, timer };
      this.#waiting.push(waiting);
      this.#watch();
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#wake);
    for (const { give, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      give(closedRefusal());
    }
  }

  #hasRoom(): boolean {
    this.#forget();
    return this.#underWay + this.#sent.length < this.#limit;
  }

  #forget(): void {
    const since = this.#now() - MINUTE;
    // Strictly later than 60 s: the upstream's clock and ours may differ by a tick.
    const from = this.#sent.findIndex((time) => time >= since);
    if (from !== 0) this.#sent = from === -1 ? [] : this.#sent.slice(from);
  }

  /** None is under way that may still turn out unused, and those who wait already take every turn that comes in time. */
  #hopeless(maxWait: number): boolean {
    if (this.#underWay > 0) return false;
    const place = this.#waiting.length + this.#sent.length - this.#limit;
    const freed = this.#sent[place % this.#limit];
    const minutes = 1 + Math.floor(place / this.#limit);
    return freed === undefined || freed + minutes * MINUTE > this.#now() + maxWait;
  }

  #no(): Refusal {
    return refuse(
      'upstream-limit',
      `${this.#limit} messages in the last minute, as upstream.maxMessagesPerMinute allows`,
    );
  }

  #give(): Turn {
    this.#underWay += 1;
    let over = false;
    const end = (sent: boolean): void => {
      if (over) return;
      over = true;
      this.#underWay -= 1;
      if (sent) this.#sent.push(this.#now());
      this.#serve();
    };
    return { sent: () => end(true), unused: () => end(false) };
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#hasRoom()) {
      const { give, timer } = this.#waiting.shift() as Waiting;
      clearTimeout(timer);
      give(this.#give());
    }
    this.#watch();
  }

  /** Wakes when the oldest message's minute is over. */
  #watch(): void {
    clearTimeout(this.#wake);
    const [oldest] = this.#sent;
    if (this.#waiting.length === 0 || oldest === undefined) return;
    this.#wake = setTimeout(() => this.#serve(), Math.max(1, Math.ceil(oldest + MINUTE - this.#now()) + 1));
  }
}

const closedRefusal = (): Refusal => refuse('shutting-down', 'the relay is closed');
