// Owns the kept connections to an upstream: how many in all, for each account and for each user, how long, who waits for one.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { UpstreamDialogue } from '../connection/dialogue.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { Account } from './account.ts';
import { Ceiling } from './ceiling.ts';
import { ClosingConnections } from './closing.ts';
import { type Held, StandingConnections } from './standing.ts';

interface Waiting {
  readonly account: Account;
  readonly resolve: (outcome: UpstreamDialogue | Refusal | Promise<UpstreamDialogue | Refusal>) => void;
  /** `performance.now()` when it is given up. */
  readonly deadline: number;
  readonly timer: NodeJS.Timeout;
}

export interface Request {
  readonly account: Account;
  /** A new connection, because a kept one has just proved stale. */
  readonly fresh: boolean;
  /** Milliseconds to wait for a connection to come free; 0 for an answer at once. */
  readonly maxWait: number;
}

/** Where a new connection has its place: at once, or when the one that had it is closed. */
type Room = 'free' | { readonly of: string | undefined };

/** Errors without a delivery on one connection. Postfix slows a client down at 10 and hangs up at 20 (smtpd_soft_error_limit). */
const MAX_REFUSALS = 5;
/** What a server says, or does, that has as many connections as it takes. */
const NO_FURTHER: ReadonlySet<string> = new Set(['upstream-busy', 'upstream-unavailable']);

export class Pool {
  readonly #settings: UpstreamSettings;
  readonly #open: (account: Account) => Promise<UpstreamDialogue | Refusal>;
  readonly #onConnect: (outcome: UpstreamDialogue | Refusal) => void;
  readonly #onLost: (dialogue: UpstreamDialogue) => void;
  readonly #standing = new StandingConnections();
  readonly #waiting: Waiting[] = [];
  /** Connections being made. */
  readonly #opening: Account[] = [];
  readonly #closing = new ClosingConnections({ onClosed: () => this.#serve() });
  readonly #ceiling: Ceiling;
  #closed = false;

  /** @param options.open makes a connection that is signed in to the account */
  constructor(options: {
    settings: UpstreamSettings;
    open: (account: Account) => Promise<UpstreamDialogue | Refusal>;
    onConnect: (outcome: UpstreamDialogue | Refusal) => void;
    onLost: (dialogue: UpstreamDialogue) => void;
  }) {
    this.#settings = options.settings;
    this.#open = options.open;
    this.#onConnect = options.onConnect;
    this.#onLost = options.onLost;
    this.#ceiling = new Ceiling({ max: options.settings.maxConnections });
  }

  get size(): number {
    return this.#standing.size + this.#opening.length;
  }

  /** A kept connection, or a new one. Refuses as `open` does, and `upstream-busy` where none comes free in time. */
  async acquire({ account, fresh, maxWait }: Request): Promise<UpstreamDialogue | Refusal> {
    if (this.#closed) return closedRefusal();
    const deadline = performance.now() + maxWait;
    const why = this.#atLimit(account);
    const given = why === undefined && this.#give(account, { fresh, deadline });
    return given || this.#wait({ account, deadline, why: why ?? `all ${this.#ceiling.most} were in use` });
  }

  /** Gives a connection back that stands between two messages. */
  release(dialogue: UpstreamDialogue): void {
    const held = this.#standing.get(dialogue);
    if (!held) return;
    held.user = undefined;
    const { early, messages, refusals, lost } = dialogue;
    // Kept, it would make the next client pay for the unknown recipients of this one.
    const spent = messages >= this.#settings.maxMessagesPerConnection || refusals >= MAX_REFUSALS;
    if (this.#closed || lost || early || spent) {
      this.#retire(held);
    } else {
      dialogue.kept = true;
      const onOver = (): void => {
        this.#retire(held);
        this.#serve();
      };
      this.#standing.rest(held, { most: this.#settings.idleTimeout, onOver });
    }
    this.#serve();
  }

  close(): void {
    this.#closed = true;
    for (const held of this.#standing.idle) this.#retire(held);
    for (const entry of this.#waiting.splice(0)) {
      clearTimeout(entry.timer);
      entry.resolve(closedRefusal());
    }
  }

  /** Why the account or the user may have no further one in use; whether it is an idle or a new one makes no difference. */
  #atLimit(account: Account): string | undefined {
    const { maxConnectionsPerAccount = Number.POSITIVE_INFINITY } = this.#settings;
    const ofAccount = this.#standing.inUseOf(account.limitKey) + this.#openingOf(account);
    if (ofAccount >= maxConnectionsPerAccount) return `the account has its ${maxConnectionsPerAccount}`;
    const share = this.#share;
    return this.#ofUser(account) < share ? undefined : `the user has a share of ${share}`;
  }

  get #share(): number {
    const { maxConnections, maxConnectionsPerUser } = this.#settings;
    return maxConnectionsPerUser ?? Math.ceil(maxConnections * 0.75);
  }

  #ofUser({ user }: Account): number {
    return this.#standing.ofUser(user) + this.#opening.filter((other) => other.user === user).length;
  }

  #openingOf({ limitKey }: Account): number {
    return this.#opening.filter((other) => other.limitKey === limitKey).length;
  }

  /** A kept connection, or the way to a new one; undefined where there is no room. */
  #give(
    account: Account,
    how: { fresh: boolean; deadline: number },
  ): UpstreamDialogue | Promise<UpstreamDialogue | Refusal> | undefined {
    const kept = how.fresh ? undefined : this.#standing.take(account);
    if (kept) return kept;
    const room = this.#room(account);
    return room && this.#connect(account, { room, deadline: how.deadline });
  }

  /** Room for a further connection of the account, if need be in place of the one that has been idle longest. */
  #room(account: Account): Room | undefined {
    const { maxConnectionsPerAccount = Number.POSITIVE_INFINITY } = this.#settings;
    const { limitKey } = account;
    const open = this.#standing.ofAccount(limitKey) + this.#closing.of(limitKey);
    if (open + this.#openingOf(account) >= maxConnectionsPerAccount) return this.#replace(limitKey);
    const full = this.size + this.#closing.unclaimed >= this.#ceiling.most;
    return full ? this.#replace(undefined) : 'free';
  }

  #replace(of: string | undefined): Room | undefined {
    return this.#closing.has(of) || this.#standing.oldest(of) ? { of } : undefined;
  }

  /** When the room can be had; what is idle there is given up. */
  #take(room: Room, account: Account): Promise<void> | undefined {
    if (room === 'free') return undefined;
    const { of } = room;
    const oldest = this.#closing.has(of) ? undefined : this.#standing.oldest(of);
    if (oldest) this.#retire(oldest);
    return this.#closing.claim(account.limitKey, of);
  }

  async #connect(
    account: Account,
    { room, deadline }: { room: Room; deadline: number },
  ): Promise<UpstreamDialogue | Refusal> {
    const free = this.#take(room, account);
    this.#opening.push(account);
    let outcome: UpstreamDialogue | Refusal;
    try {
      await free;
      outcome = await this.#open(account);
    } finally {
      this.#opening.splice(this.#opening.indexOf(account), 1);
    }
    // It serves others of ours and takes no further one: busy, not down.
    const others = this.#standing.size + this.#closing.size;
    if (isRefusal(outcome) && NO_FURTHER.has(outcome.code) && others > 0) {
      this.#ceiling.hit(this.#standing.size);
      const waiting = this.#wait({ account, deadline, why: outcome.reason });
      this.#serve();
      return waiting;
    }
    this.#onConnect(outcome);
    if (isRefusal(outcome)) {
      this.#serve();
      return outcome;
    }
    this.#hold(outcome, account);
    return outcome;
  }

  #hold(dialogue: UpstreamDialogue, account: Account): void {
    const held = this.#standing.add(dialogue, account);
    this.#ceiling.stands(this.#standing.size);
    dialogue.whenLost(() => {
      this.#onLost(dialogue);
      this.#forget(held);
      this.#serve();
    });
    if (dialogue.lost) this.#forget(held);
  }

  #wait(given: { account: Account; deadline: number; why: string }): Promise<UpstreamDialogue | Refusal> {
    const { account, deadline, why } = given;
    const no = refuse('upstream-busy', `no connection to the upstream came free: ${why}`);
    const left = deadline - performance.now();
    if (left <= 0) return Promise.resolve(no);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        resolve(no);
      }, left);
      const entry = { account, resolve, deadline, timer };
      this.#waiting.push(entry);
    });
  }

  /** Something has come free: of those who can have it, who has the fewest comes first, and then who has waited longest. */
  #serve(): void {
    while (!this.#closed) {
      const next = this.#fairest();
      if (!next) return;
      clearTimeout(next.timer);
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      const given = this.#give(next.account, { fresh: false, deadline: next.deadline });
      next.resolve(given ?? this.#wait({ ...next, why: 'others came first' }));
    }
  }

  #fairest(): Waiting | undefined {
    const able = this.#waiting.filter(({ account }) => this.#canHave(account));
    let best: { entry: Waiting; has: number } | undefined;
    for (const entry of able) {
      const has = this.#ofUser(entry.account);
      if (!best || has < best.has) best = { entry, has };
    }
    return best?.entry;
  }

  #canHave(account: Account): boolean {
    if (this.#atLimit(account)) return false;
    const kept = this.#standing.idle.some((held) => held.account.key === account.key);
    return kept || this.#room(account) !== undefined;
  }

  #retire(held: Held): void {
    held.dialogue.quit();
    this.#forget(held);
  }

  #forget(held: Held): void {
    if (this.#standing.forget(held)) this.#closing.add(held.dialogue, held.account.limitKey);
  }
}

const closedRefusal = (): Refusal => refuse('shutting-down', 'the relay is closed');
