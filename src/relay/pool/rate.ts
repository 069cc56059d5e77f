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

export interface Question {
  /** Messages in 60 seconds that the asker's settings allow. Several may differ: a reload changes them while earlier sessions last. */
  readonly limit: number;
  /** Milliseconds to wait at most. */
  readonly maxWait: number;
  /** For {@link MessageRate.dismiss}. */
  readonly asker: object;
}

interface Waiting {
  readonly limit: number;
  readonly asker: object;
  readonly give: (turn: Turn | Refusal) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * A message counts from when its turn is given until 60 s after it was sent. So no 60 seconds by the upstream's own clock
 * see more than the limit, however long a message was on its way.
 */
export class MessageRate {
  readonly #now: () => number;
  #underWay = 0;
  /** When those of the last minute were sent, oldest first. */
  #sent: number[] = [];
  readonly #waiting: Waiting[] = [];
  #wake: NodeJS.Timeout | undefined;

  /** @param options.now milliseconds of a clock that never goes back */
  constructor(options: { now?: () => number } = {}) {
    this.#now = options.now ?? (() => performance.now());
  }

  /** True while nothing needs to be remembered. */
  get idle(): boolean {
    this.#forget();
    return this.#underWay === 0 && this.#sent.length === 0 && this.#waiting.length === 0;
  }

  /** Refuses `upstream-limit` where no turn comes within the time; at once where it is certain that none will. */
  take({ limit, maxWait, asker }: Question): Promise<Turn | Refusal> {
    const ahead = this.#waiting.filter((other) => other.limit >= limit).length;
    if (ahead === 0 && this.#hasRoom(limit)) return Promise.resolve(this.#give());
    if (maxWait <= 0 || this.#hopeless({ limit, maxWait, ahead })) return Promise.resolve(noTurn(limit));
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(noTurn(limit));
      }, maxWait);
      const waiting = { limit, asker, give: resolve, timer };
      this.#waiting.push(waiting);
      this.#watch();
    });
  }

  /** Whoever waits for this asker is told that it is over. What was sent goes on to count. */
  dismiss(asker: object): void {
    for (const waiting of this.#waiting.filter((each) => each.asker === asker)) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      clearTimeout(waiting.timer);
      waiting.give(refuse('shutting-down', 'the relay is closed'));
    }
    this.#watch();
  }

  #hasRoom(limit: number): boolean {
    this.#forget();
    return this.#underWay + this.#sent.length < limit;
  }

  #forget(): void {
    const since = this.#now() - MINUTE;
    // Strictly later than 60 s: the upstream's clock and ours may differ by a tick.
    const from = this.#sent.findIndex((time) => time >= since);
    if (from !== 0) this.#sent = from === -1 ? [] : this.#sent.slice(from);
  }

  /** None is under way that may still turn out unused, and those who wait already take every turn that comes in time. */
  #hopeless({ limit, maxWait, ahead }: { limit: number; maxWait: number; ahead: number }): boolean {
    if (this.#underWay > 0) return false;
    const freed = this.#sent[this.#sent.length - limit + (ahead % limit)];
    const minutes = 1 + Math.floor(ahead / limit);
    return freed === undefined || freed + minutes * MINUTE > this.#now() + maxWait;
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
    // In the order of asking; past those alone whose own limit is reached.
    for (const waiting of [...this.#waiting]) {
      if (!this.#hasRoom(waiting.limit)) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      clearTimeout(waiting.timer);
      waiting.give(this.#give());
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

function noTurn(limit: number): Refusal {
  return refuse(
    'upstream-limit',
    `${limit} messages in the last minute, as upstream.maxMessagesPerMinute allows`,
  );
}
