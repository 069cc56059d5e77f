// Owns one upstream: its connections, its limits, what is known of it, and how a transaction begins there.

import type { Path } from '../envelope.ts';
import { isRefusal, type Refusal } from '../refusal.ts';
import { announce, submitterOf } from './announce/announce.ts';
import type { Capabilities } from './connection/capabilities.ts';
import type { UpstreamDialogue } from './connection/dialogue.ts';
import { isAtSignIn, Opening } from './connection/opening.ts';
import { isPositive, type Reply, sane } from './connection/reply.ts';
import { Knowledge } from './knowledge.ts';
import type { TokenSource } from './login/token-source.ts';
import type { Origin } from './origin.ts';
import { type Account, accountFor, hasOneAccount, oneAccount } from './pool/account.ts';
import { Pool } from './pool/pool.ts';
import type { Turn } from './pool/rate.ts';
import type { Usage } from './pool/usage.ts';
import type { UpstreamSettings } from './settings.ts';
import { BinaryBody, TextBody } from './transaction/body.ts';
import { isBinary, parametersFor } from './transaction/parameters.ts';
import { createTransaction, type RelayTransaction } from './transaction/transaction.ts';

/** MAIL was put to an upstream: its reply, and the transaction where it said yes. */
export interface Begun {
  /** `id` of the upstream. */
  readonly upstream: string;
  readonly reply: Reply;
  readonly transaction: RelayTransaction | undefined;
}

export interface UpstreamOptions {
  readonly id: string;
  readonly priority: number;
  readonly weight: number;
  readonly settings: UpstreamSettings;
  /** Given in EHLO. */
  readonly name: string;
  /** Where the settings say that it is signed in to with tokens. */
  readonly tokens: TokenSource | undefined;
  /** Of the mail server, with what others have of it. */
  readonly usage: Usage;
}

/** Refusals that are the upstream's fault, not the message's. */
const FAULTS: ReadonlySet<string> = new Set([
  'upstream-lost',
  'upstream-timeout',
  'upstream-protocol',
  // 421 to a command: it connects, and is still not there.
  'upstream-unavailable',
]);
export class Upstream {
  readonly id: string;
  readonly priority: number;
  readonly weight: number;
  readonly settings: UpstreamSettings;
  readonly #name: string;
  readonly #tokens: TokenSource | undefined;
  readonly #knowledge: Knowledge;
  readonly #opening: Opening;
  readonly #pool: Pool;
  readonly #usage: Usage;

  constructor(options: UpstreamOptions) {
    this.id = options.id;
    this.priority = options.priority;
    this.weight = options.weight;
    this.settings = options.settings;
    this.#name = options.name;
    this.#tokens = options.tokens;
    this.#usage = options.usage;
    this.#knowledge = new Knowledge({
      ask: () => this.#contact({ fresh: true }),
      connections: () => this.#pool.size,
      capabilities: this.#usage.offered.get(this.id),
    });
    this.#opening = new Opening({ ...options, down: () => this.down !== undefined });
    this.#pool = new Pool({
      ...{ id: this.id, settings: this.settings, usage: this.#usage },
      open: (account) => this.#opening.open(account),
      onConnect: (outcome) => {
        // One mailbox that cannot be signed in to, or not now, or not once more, says nothing of the others.
        if (isRefusal(outcome) && this.#isOfAccount(outcome)) return;
        this.#connected(outcome);
      },
      onLost: (dialogue) => this.#knowledge.lost(dialogue),
    });
  }

  /** Why it cannot be used; undefined where it can, or where nobody has tried. */
  get down(): Refusal | undefined {
    return this.#knowledge.down;
  }

  /** What it offered when it was last spoken to, before a reload included; undefined before the first contact. */
  get capabilities(): Capabilities | undefined {
    return this.#knowledge.capabilities;
  }

  /** The same, after asking it anew where that may have changed; takes two seconds at most. */
  currentCapabilities(): Promise<Capabilities | undefined> {
    return this.#knowledge.current();
  }

  onChange(listener: (down: Refusal | undefined) => void): void {
    this.#knowledge.onChange(listener);
  }

  /** From now on it is looked after even while no mail comes. */
  watch(): void {
    this.#knowledge.watch(this.settings.healthCheckInterval);
  }

  /** Speaks with it where that was not done of late; undefined where it is there. */
  async probe(): Promise<Refusal | undefined> {
    if (this.#knowledge.contacted && !this.down && this.#pool.size > 0) return undefined;
    return this.#contact({ fresh: false });
  }

  /**
   * Puts MAIL to it. Waits for a connection, and for the account's turn, as long as `maxWait` says (milliseconds). Its own 4xx
   * and 5xx are replies, not refusals.
   */
  async begin(mailFrom: Path, origin: Origin, { maxWait }: { maxWait: number }): Promise<Begun | Refusal> {
    const account = accountFor(this, { origin, sender: mailFrom.address });
    if (isRefusal(account)) return account;
    const deadline = performance.now() + maxWait;
    const turn = await this.#turn(account, maxWait);
    if (isRefusal(turn)) return turn;
    const outcome = await this.#begin({ mailFrom, origin, account, turn, deadline });
    if (isRefusal(outcome) || !outcome.transaction) turn?.unused();
    if (isRefusal(outcome)) this.#troubled(outcome, account);
    return outcome;
  }

  close(): void {
    this.#knowledge.close();
    this.#pool.close();
    this.#tokens?.close();
  }

  async #begin(given: Beginning): Promise<Begun | Refusal> {
    const { account, mailFrom, deadline } = given;
    const acquire = (fresh: boolean) =>
      this.#pool.acquire({ account, fresh, maxWait: Math.max(0, deadline - performance.now()) });
    const first = await acquire(false);
    if (isRefusal(first)) return first;
    if (this.#outdated(first, mailFrom)) {
      first.quit();
      this.#pool.release(first);
    } else {
      const wasKept = first.kept;
      const outcome = await this.#mail(first, given);
      // The upstream may have closed a kept connection just as MAIL went out; nothing has been sent, so a fresh one is safe.
      if (!wasKept || !isRefusal(outcome) || !first.lost || outcome.code === 'upstream-timeout')
        return outcome;
    }
    const second = await acquire(true);
    return isRefusal(second) ? second : this.#mail(second, given);
  }

  #isOfAccount(refusal: Refusal): boolean {
    return isAtSignIn(refusal) && !hasOneAccount(this.settings);
  }

  #troubled(refusal: Refusal, { limitKey }: Account): void {
    if (!FAULTS.has(refusal.code)) return;
    if (!this.#isOfAccount(refusal)) this.#knowledge.troubled(refusal);
    // Its word on one mailbox is that mailbox's; to fall silent, or hang up, at one after the other is not.
    else if (refusal.code !== 'upstream-unavailable') this.#knowledge.troubled(refusal, limitKey);
  }

  async #mail(dialogue: UpstreamDialogue, given: Beginning): Promise<Begun | Refusal> {
    const { mailFrom, origin, turn } = given;
    const { settings } = this;
    const release = (): void => this.#pool.release(dialogue);
    const unknown = await announce(dialogue, { settings, name: this.#name, origin });
    if (unknown) {
      release();
      return unknown;
    }
    const parameters = parametersFor(mailFrom.parameters, dialogue.capabilities, {
      submitter: submitterOf(origin, settings),
    });
    if (isRefusal(parameters)) {
      release();
      return parameters;
    }
    const outcome = sane(
      await dialogue.command(`MAIL FROM:<${mailFrom.address}>${parameters}`, settings.replyTimeout),
      [2, 4, 5],
    );
    if (isRefusal(outcome)) {
      dialogue.destroy();
      release();
      return outcome;
    }
    if (!isPositive(outcome)) {
      release();
      return { upstream: this.id, reply: outcome, transaction: undefined };
    }
    const body = new (isBinary(mailFrom) ? BinaryBody : TextBody)(dialogue, settings);
    const onEnd = (sent: boolean): void => {
      if (sent) turn?.sent();
      else turn?.unused();
      if (sent && !dialogue.lost) this.#knowledge.served();
      else if (dialogue.lost && FAULTS.has(dialogue.lost.code) && !dialogue.cut)
        this.#knowledge.troubled(dialogue.lost);
    };
    const transaction = createTransaction({ upstream: this.id, dialogue, settings, body, release, onEnd });
    return { upstream: this.id, reply: outcome, transaction };
  }

  /** A kept connection lacks what the upstream, since it was made, has learnt to offer. */
  #outdated(dialogue: UpstreamDialogue, { parameters }: Path): boolean {
    const { capabilities } = this;
    if (!dialogue.kept || !capabilities || capabilities === dialogue.capabilities) return false;
    return (
      isRefusal(parametersFor(parameters, dialogue.capabilities)) &&
      !isRefusal(parametersFor(parameters, capabilities))
    );
  }

  #connected(outcome: UpstreamDialogue | Refusal): void {
    this.#knowledge.connected(outcome);
    if (!isRefusal(outcome)) this.#usage.offered.set(this.id, outcome.capabilities);
  }

  async #contact({ fresh }: { fresh: boolean }): Promise<Refusal | undefined> {
    const { settings } = this;
    if (!hasOneAccount(settings)) {
      // Full of connections it is there, and one more would be one too many.
      if (this.#pool.full) return undefined;
      // As whom to sign in only a message can tell.
      const dialogue = await this.#opening.connect();
      this.#connected(dialogue);
      if (isRefusal(dialogue)) return dialogue;
      dialogue.quit();
      return undefined;
    }
    const account = oneAccount(this, '');
    if (this.#pool.crowdedOut(account)) return undefined;
    const dialogue = await this.#pool.acquire({ account, fresh, maxWait: settings.maxWait });
    if (isRefusal(dialogue)) return dialogue;
    this.#pool.release(dialogue);
    return undefined;
  }

  async #turn({ limitKey }: Account, maxWait: number): Promise<Turn | undefined | Refusal> {
    const { maxMessagesPerMinute: limit } = this.settings;
    return limit === undefined
      ? undefined
      : this.#usage.turn(limitKey, { limit, maxWait, asker: this.#pool });
  }
}

interface Beginning {
  readonly mailFrom: Path;
  readonly origin: Origin;
  readonly account: Account;
  readonly turn: Turn | undefined;
  /** `performance.now()` until which a connection is waited for. */
  readonly deadline: number;
}
