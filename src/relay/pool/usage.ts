// Owns what Postern has in use of each mail server: connections, who waits for one, messages of the last minute of each account.
// It outlasts the settings: a reload builds new pools beside those whose last messages are on their way, and the server counts all.

import { type Refusal, refuse } from '../../refusal.ts';
import type { Capabilities } from '../connection/capabilities.ts';
import { portOf, type UpstreamSettings } from '../settings.ts';
import { Ceiling } from './ceiling.ts';
import { ClosingConnections } from './closing.ts';
import { type Counted, isOf, type Of } from './counted.ts';
import { MessageRate, type Question, type Turn } from './rate.ts';
import { type Held, StandingConnections } from './standing.ts';

/** Accounts whose rates are remembered before those without anything to remember are dropped. */
const MANY_ACCOUNTS = 1000;

/** Who waits for a connection. */
export interface Waiter {
  readonly pool: object;
  /** How many connections the user has who waits; undefined where a further one cannot be had now. */
  share(): number | undefined;
  /** Gives up idle connections of other pools that stand in its way. */
  trim(): void;
  serve(): void;
  dismiss(): void;
}

/** Of one mail server. */
export class Usage {
  readonly standing = new StandingConnections();
  /** Connections being made, for whom. */
  readonly opening: { readonly pool: object; readonly counted: Counted; readonly user: string }[] = [];
  readonly closing = new ClosingConnections({ onClosed: () => this.serve() });
  readonly waiting: Waiter[] = [];
  /** What it offered when it was last spoken to, by upstream of the settings. */
  readonly offered = new Map<string, Capabilities>();
  /** By upstream, or by account. */
  readonly #ceilings = new Map<string, Ceiling>();
  readonly #rates = new Map<string, MessageRate>();
  readonly #pools = new Set<object>();

  join(pool: object): void {
    this.#pools.add(pool);
  }

  /** Its idle connections are closed, and who waits for one is told; what is in use stays until it is given back. */
  leave(pool: object): void {
    this.#pools.delete(pool);
    for (const held of this.standing.idle) if (held.owner === pool) this.retire(held);
    for (const waiter of this.waiting.filter((each) => each.pool === pool)) {
      this.waiting.splice(this.waiting.indexOf(waiter), 1);
      waiter.dismiss();
    }
    for (const rate of this.#rates.values()) rate.dismiss(pool);
    this.serve();
  }

  /** More than one where a reload has put another beside it, or where several upstreams of the settings are one server. */
  get shared(): boolean {
    return this.#pools.size > 1;
  }

  /** True while it need not be remembered. */
  get idle(): boolean {
    this.#forgetRates();
    const connections = this.standing.size({}) + this.opening.length + this.closing.size({});
    return this.#pools.size + connections + this.#rates.size === 0;
  }

  /** How many of these the server takes, as far as it has said so. */
  most(of: Of, max: number): number {
    return this.#ceilings.get(nameOf(of))?.most(max) ?? max;
  }

  /** It takes no further one of these. */
  hit(of: Of): void {
    if (this.#ceilings.size >= MANY_ACCOUNTS)
      for (const [name, { idle }] of this.#ceilings) if (idle) this.#ceilings.delete(name);
    const ceiling = this.#ceilings.get(nameOf(of)) ?? new Ceiling();
    this.#ceilings.set(nameOf(of), ceiling);
    ceiling.hit(this.standing.size(of));
  }

  /** Stands from now on, in use. */
  hold(given: Parameters<StandingConnections['add']>[0]): Held {
    const { upstream, limitKey } = given.counted;
    const held = this.standing.add(given);
    for (const those of [{ upstream }, { limitKey }])
      this.#ceilings.get(nameOf(those))?.stands(this.standing.size(those));
    return held;
  }

  /** Connections as the server counts them: also those that are being made, and those that are not closed yet. */
  connections(of: Of): number {
    return this.standing.size(of) + this.beingMade(of) + this.closing.besides(of);
  }

  beingMade(of: Of): number {
    return this.opening.filter(({ counted }) => isOf(counted, of)).length;
  }

  /** Leave to hand over one message for the account. */
  async turn(limitKey: string, question: Question): Promise<Turn | Refusal> {
    if (!this.#pools.has(question.asker)) return refuse('shutting-down', 'the relay is closed');
    let rate = this.#rates.get(limitKey);
    if (!rate) {
      if (this.#rates.size >= MANY_ACCOUNTS) this.#forgetRates();
      rate = new MessageRate();
      this.#rates.set(limitKey, rate);
    }
    return rate.take(question);
  }

  /** Says farewell. */
  retire(held: Held): void {
    held.dialogue.quit();
    this.forget(held);
  }

  forget(held: Held): void {
    if (this.standing.forget(held)) this.closing.add(held.dialogue, held.counted);
  }

  /** Something has come free: of those who can have it, who has the fewest comes first, and then who has waited longest. */
  serve(): void {
    for (const waiter of this.waiting) waiter.trim();
    for (let next = this.#fairest(); next; next = this.#fairest()) {
      this.waiting.splice(this.waiting.indexOf(next), 1);
      next.serve();
    }
  }

  #fairest(): Waiter | undefined {
    let best: { waiter: Waiter; share: number } | undefined;
    for (const waiter of this.waiting) {
      const share = waiter.share();
      if (share !== undefined && (!best || share < best.share)) best = { waiter, share };
    }
    return best?.waiter;
  }

  #forgetRates(): void {
    for (const [key, rate] of this.#rates) if (rate.idle) this.#rates.delete(key);
  }
}

const nameOf = ({ upstream, limitKey }: Of): string => JSON.stringify([upstream, limitKey]);

/** By mail server; made once, and given to every relay that is built while Postern runs. */
export class UsageBook {
  readonly #usages = new Map<string, Usage>();

  of(settings: UpstreamSettings): Usage {
    const { lookup, host } = settings;
    const server = `${lookup} ${host.toLowerCase().replace(/\.$/, '')}:${portOf(settings)}`;
    const known = this.#usages.get(server);
    if (known) return known;
    for (const [key, usage] of this.#usages) if (usage.idle) this.#usages.delete(key);
    const usage = new Usage();
    this.#usages.set(server, usage);
    return usage;
  }
}
