// Owns the kept connections to an upstream: how many in all, for each account and for each user, how long, who waits for one.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { UpstreamDialogue } from '../connection/dialogue.ts';
import { isAtSignIn } from '../connection/opening.ts';
import type { UpstreamSettings } from '../settings.ts';
import { type Account, hasOneAccount } from './account.ts';
import type { Counted, Of } from './counted.ts';
import type { Usage, Waiter } from './usage.ts';

export interface Request {
  readonly account: Account;
  /** A new connection, because a kept one has just proved stale. */
  readonly fresh: boolean;
  /** Milliseconds to wait for a connection to come free; 0 for an answer at once. */
  readonly maxWait: number;
}

/** Where a new connection has its place: at once, or when the one that had it is closed. */
type Room = 'free' | { readonly of: Of };

/** Errors without a delivery on one connection. Postfix slows a client down at 10 and hangs up at 20 (smtpd_soft_error_limit). */
const MAX_REFUSALS = 5;
/** What a server says, or does, that has as many connections as it takes. */
const NO_FURTHER: ReadonlySet<string> = new Set(['upstream-busy', 'upstream-unavailable']);

/**
 * What one upstream of the settings has of a mail server. Everything is counted in the {@link Usage}, where the same server's other
 * pools count too, each by its own limits: those of an upstream together with its predecessors before a reload, those of an
 * account together with everybody's.
 */
export class Pool {
  readonly #id: string;
  readonly #settings: UpstreamSettings;
  readonly #usage: Usage;
  readonly #open: (account: Account) => Promise<UpstreamDialogue | Refusal>;
  readonly #onConnect: (outcome: UpstreamDialogue | Refusal) => void;
  readonly #onLost: (dialogue: UpstreamDialogue) => void;
  #closed = false;

  /**
   * @param options.id of the upstream
   * @param options.open makes a connection that is signed in to the account
   */
  constructor(options: {
    id: string;
    settings: UpstreamSettings;
    usage: Usage;
    open: (account: Account) => Promise<UpstreamDialogue | Refusal>;
    onConnect: (outcome: UpstreamDialogue | Refusal) => void;
    onLost: (dialogue: UpstreamDialogue) => void;
  }) {
    this.#id = options.id;
    this.#settings = options.settings;
    this.#usage = options.usage;
    this.#open = options.open;
    this.#onConnect = options.onConnect;
    this.#onLost = options.onLost;
    options.usage.join(this);
  }

  /** Its own connections. */
  get size(): number {
    const { standing, opening } = this.#usage;
    return standing.ofOwner(this) + opening.filter(({ pool }) => pool === this).length;
  }

  /** True where the upstream has as many as it may, from before a reload included. */
  get full(): boolean {
    return this.#usage.connections(this.#ofUpstream) >= this.#settings.maxConnections;
  }

  /** True where others have every connection that it might have, as sessions of before a reload: the server is there. */
  crowdedOut(account: Account): boolean {
    return this.size === 0 && !this.#canHave(account);
  }

  /** A kept connection, or a new one. Refuses as `open` does, and `upstream-busy` where none comes free in time. */
  async acquire({ account, fresh, maxWait }: Request): Promise<UpstreamDialogue | Refusal> {
    if (this.#closed) return closedRefusal();
    const deadline = performance.now() + maxWait;
    this.#trim(account);
    const why = this.#atLimit(account);
    const given = why === undefined && this.#give(account, { fresh, deadline });
    return given || this.#wait({ account, deadline, why: why ?? `all ${this.#most} were in use` });
  }

  /** Gives a connection back that stands between two messages. */
  release(dialogue: UpstreamDialogue): void {
    const { standing } = this.#usage;
    const held = standing.get(dialogue);
    if (!held) return;
    held.user = undefined;
    const { early, messages, refusals, lost } = dialogue;
    // Kept, it would make the next client pay for the unknown recipients of this one.
    const spent = messages >= this.#settings.maxMessagesPerConnection || refusals >= MAX_REFUSALS;
    if (this.#closed || lost || early || spent) {
      this.#usage.retire(held);
    } else {
      dialogue.kept = true;
      const onOver = (): void => {
        this.#usage.retire(held);
        this.#usage.serve();
      };
      standing.rest(held, { most: this.#settings.idleTimeout, onOver });
    }
    this.#usage.serve();
  }

  close(): void {
    this.#closed = true;
    this.#usage.leave(this);
  }

  get #ofUpstream(): Of {
    return { upstream: this.#id };
  }

  get #most(): number {
    return this.#usage.most(this.#ofUpstream, this.#settings.maxConnections);
  }

  #counted({ limitKey }: Account): Counted {
    return { upstream: this.#id, limitKey };
  }

  /** Why the account or the user may have no further one in use; whether it is an idle or a new one makes no difference. */
  #atLimit(account: Account): string | undefined {
    const { maxConnectionsPerAccount = Number.POSITIVE_INFINITY } = this.#settings;
    const of = { limitKey: account.limitKey };
    const ofAccount = this.#usage.standing.inUse(of) + this.#usage.beingMade(of);
    if (ofAccount >= maxConnectionsPerAccount) return `the account has its ${maxConnectionsPerAccount}`;
    const share = this.#share;
    return this.#ofUser(account) < share ? undefined : `the user has a share of ${share}`;
  }

  get #share(): number {
    const { maxConnections, maxConnectionsPerUser } = this.#settings;
    return maxConnectionsPerUser ?? Math.ceil(maxConnections * 0.75);
  }

  #ofUser({ user }: Account): number {
    const { standing, opening } = this.#usage;
    const beingMade = opening.filter((other) => other.counted.upstream === this.#id && other.user === user);
    return standing.ofUser(user, this.#ofUpstream) + beingMade.length;
  }

  /** A kept connection, or the way to a new one; undefined where there is no room. */
  #give(
    account: Account,
    how: { fresh: boolean; deadline: number },
  ): UpstreamDialogue | Promise<UpstreamDialogue | Refusal> | undefined {
    const kept = how.fresh ? undefined : this.#usage.standing.take(this, account);
    if (kept) return kept;
    const room = this.#room(account);
    return room && this.#connect(account, { room, deadline: how.deadline });
  }

  /** Room for a further connection of the account, if need be in place of the one that has been idle longest. */
  #room(account: Account): Room | undefined {
    const limits = this.#limits(account).map((each) => ({ ...each, now: this.#usage.connections(each.of) }));
    // One that goes makes room for one that comes where there are just as many as may be, not where there are more.
    if (limits.some(({ now, max }) => now > max)) return undefined;
    const reached = limits.filter(({ now, most }) => now >= most);
    if (reached.length === 0) return 'free';
    const of: Of = Object.assign({}, ...reached.map((each) => each.of));
    return this.#usage.closing.has(of) || this.#usage.standing.oldest(of) ? { of } : undefined;
  }

  /** `max`: by the settings; `most`: by what the server takes, too. */
  #limits({ limitKey }: Account): { of: Of; max: number; most: number }[] {
    const { maxConnections, maxConnectionsPerAccount = Number.POSITIVE_INFINITY } = this.#settings;
    return [
      { of: { limitKey }, max: maxConnectionsPerAccount },
      { of: this.#ofUpstream, max: maxConnections },
    ].map((limit) => ({ ...limit, most: this.#usage.most(limit.of, limit.max) }));
  }

  /**
   * Gives up what stands idle in the way: beyond our limits, where another pool's are higher, as before a reload that lowers them;
   * and where account and upstream are both full, but no connection is idle that belongs to both.
   */
  #trim(account: Account): void {
    if (!this.#usage.shared || this.#atLimit(account)) return;
    const { standing, closing } = this.#usage;
    const limits = this.#limits(account);
    const both = this.#counted(account);
    const isFull = limits.every(({ of, max }) => this.#usage.connections(of) >= max);
    const apart = isFull && !closing.has(both) && !standing.oldest(both);
    for (const { of, max } of limits) {
      const most = apart ? max - 1 : max;
      while (standing.size(of) + this.#usage.beingMade(of) > most) {
        const oldest = standing.oldest(of);
        if (!oldest) break;
        this.#usage.retire(oldest);
      }
    }
  }

  /** When the room can be had; what is idle there is given up. */
  #take(room: Room, account: Account): Promise<void> | undefined {
    if (room === 'free') return undefined;
    const { of } = room;
    const { closing, standing } = this.#usage;
    const oldest = closing.has(of) ? undefined : standing.oldest(of);
    if (oldest) this.#usage.retire(oldest);
    return closing.claim(this.#counted(account), of);
  }

  async #connect(
    account: Account,
    { room, deadline }: { room: Room; deadline: number },
  ): Promise<UpstreamDialogue | Refusal> {
    const free = this.#take(room, account);
    const { opening, standing, closing } = this.#usage;
    const attempt = { pool: this, counted: this.#counted(account), user: account.user };
    opening.push(attempt);
    let outcome: UpstreamDialogue | Refusal;
    try {
      await free;
      outcome = await this.#open(account);
    } finally {
      opening.splice(opening.indexOf(attempt), 1);
    }
    // It serves others of ours and takes no further one: busy, not down.
    const ours = this.#blamed(outcome, account);
    if (isRefusal(outcome) && NO_FURTHER.has(outcome.code) && standing.size(ours) + closing.size(ours) > 0) {
      this.#usage.hit(ours);
      const waiting = this.#wait({ account, deadline, why: outcome.reason });
      this.#usage.serve();
      return waiting;
    }
    this.#onConnect(outcome);
    if (isRefusal(outcome)) {
      this.#usage.serve();
      return outcome;
    }
    this.#hold(outcome, account);
    return outcome;
  }

  /** What a refusal says something about: one account may have too many elsewhere, or be shut for now, and the others not. */
  #blamed(outcome: UpstreamDialogue | Refusal, { limitKey }: Account): Of {
    const isOfAccount = isRefusal(outcome) && isAtSignIn(outcome) && !hasOneAccount(this.#settings);
    return isOfAccount ? { limitKey } : this.#ofUpstream;
  }

  #hold(dialogue: UpstreamDialogue, account: Account): void {
    const held = this.#usage.hold({ dialogue, account, owner: this, counted: this.#counted(account) });
    dialogue.whenLost(() => {
      this.#onLost(dialogue);
      this.#usage.forget(held);
      this.#usage.serve();
    });
    if (dialogue.lost) this.#usage.forget(held);
  }

  #wait(given: { account: Account; deadline: number; why: string }): Promise<UpstreamDialogue | Refusal> {
    const { account, deadline, why } = given;
    if (this.#closed) return Promise.resolve(closedRefusal());
    const no = refuse('upstream-busy', `no connection to the upstream came free: ${why}`);
    const left = deadline - performance.now();
    if (left <= 0) return Promise.resolve(no);
    const { waiting } = this.#usage;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(waiter), 1);
        resolve(no);
      }, left);
      const waiter: Waiter = {
        pool: this,
        share: () => (this.#canHave(account) ? this.#ofUser(account) : undefined),
        trim: () => this.#trim(account),
        serve: () => {
          clearTimeout(timer);
          const kept = this.#give(account, { fresh: false, deadline });
          resolve(kept ?? this.#wait({ account, deadline, why: 'others came first' }));
        },
        dismiss: () => {
          clearTimeout(timer);
          resolve(closedRefusal());
        },
      };
      waiting.push(waiter);
    });
  }

  #canHave(account: Account): boolean {
    if (this.#atLimit(account)) return false;
    const { idle } = this.#usage.standing;
    const kept = idle.some((held) => held.owner === this && held.account.key === account.key);
    return kept || this.#room(account) !== undefined;
  }
}

const closedRefusal = (): Refusal => refuse('shutting-down', 'the relay is closed');
