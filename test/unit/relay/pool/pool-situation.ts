// A pool whose upstream is a count: connections that stand until told otherwise, and what the upstream sees of them at any time.

import { isRefusal, type Refusal, refuse } from '../../../../src/refusal.ts';
import type { UpstreamDialogue } from '../../../../src/relay/connection/dialogue.ts';
import type { Account } from '../../../../src/relay/pool/account.ts';
import { Pool } from '../../../../src/relay/pool/pool.ts';
import { Usage } from '../../../../src/relay/pool/usage.ts';
import type { UpstreamSettings } from '../../../../src/relay/settings.ts';
import { upstreamSettings } from '../../../support/relay-situation.ts';

export const account = (mailbox: string, user = mailbox, key = mailbox): Account => ({
  ...{ key, limitKey: mailbox, mailbox, user },
  userToken: undefined,
});

/** A connection as the upstream sees it: open until it has seen the end of it. */
export class TestConnection {
  readonly account: Account;
  readonly upstream: string;
  open = true;
  lost: Refusal | undefined;
  early: undefined;
  cut = false;
  kept = false;
  resting = false;
  messages = 0;
  refusals = 0;
  readonly #gone = Promise.withResolvers<void>();
  readonly #closesAfter: () => number;
  #onLost: () => void = () => {};

  constructor(of: Account, closesAfter: () => number, upstream = 'upstream') {
    this.account = of;
    this.upstream = upstream;
    this.#closesAfter = closesAfter;
  }

  quit(): void {
    this.lost ??= refuse('upstream-lost', 'closed by Postern');
    setTimeout(() => this.#close(), this.#closesAfter());
  }

  /** The upstream breaks it. */
  break(): void {
    if (this.lost) return;
    this.lost = refuse('upstream-lost', 'broken');
    this.#onLost();
    setTimeout(() => this.#close(), 0);
  }

  whenLost(listener: () => void): void {
    this.#onLost = listener;
  }

  closed(): Promise<void> {
    return this.#gone.promise;
  }

  #close(): void {
    this.open = false;
    this.#gone.resolve();
  }
}

export interface PoolSituation {
  readonly pool: Pool;
  readonly usage: Usage;
  /** All there ever were. */
  readonly connections: TestConnection[];
  /** Most at the same time, as the upstream has seen it: in all, of any one mailbox, of each upstream. */
  readonly peak: { all: number; ofMailbox: number; readonly ofUpstream: Map<string, number> };
  /** Connections that are being made. */
  attempts: number;
  /** The reply to the next attempts, in place of a connection; milliseconds that each takes, and that each takes to close. */
  answer: (of: Account) => Refusal | undefined;
  connectTime: () => number;
  closeTime: () => number;
  acquire(of: Account, more?: { fresh?: boolean; maxWait?: number }): Promise<TestConnection | Refusal>;
  release(connection: TestConnection): void;
}

/**
 * To be used with fake timers.
 * @param options.beside another pool of the same server, whose connections are seen together with this one's
 */
export function startPool(
  changes: Partial<UpstreamSettings> = {},
  { id = 'upstream', beside }: { id?: string; beside?: PoolSituation } = {},
): PoolSituation {
  const { usage, peak, connections }: Pick<PoolSituation, 'usage' | 'peak' | 'connections'> = beside ?? {
    ...{ usage: new Usage(), peak: { all: 0, ofMailbox: 0, ofUpstream: new Map() }, connections: [] },
  };
  const settings = upstreamSettings({ host: '192.0.2.1', idleTimeout: 600_000, ...changes });
  const pool = new Pool({
    ...{ id, settings, usage },
    async open(of) {
      situation.attempts += 1;
      await new Promise((resolve) => setTimeout(resolve, situation.connectTime()));
      const refusal = situation.answer(of);
      if (refusal) return refusal;
      const connection = new TestConnection(of, situation.closeTime, id);
      connections.push(connection);
      const standing = connections.filter(({ open }) => open);
      peak.all = Math.max(peak.all, standing.length);
      const ofMailbox = standing.filter((other) => other.account.limitKey === of.limitKey).length;
      peak.ofMailbox = Math.max(peak.ofMailbox, ofMailbox);
      const ofUpstream = standing.filter((other) => other.upstream === id).length;
      peak.ofUpstream.set(id, Math.max(peak.ofUpstream.get(id) ?? 0, ofUpstream));
      return connection as unknown as UpstreamDialogue;
    },
    onConnect: () => undefined,
    onLost: () => undefined,
  });
  const situation: PoolSituation = {
    ...{ pool, usage, connections, peak, attempts: 0 },
    answer: () => undefined,
    connectTime: () => 1,
    closeTime: () => 1,
    async acquire(of, { fresh = false, maxWait = 1_000 } = {}) {
      const outcome = await pool.acquire({ account: of, fresh, maxWait });
      return isRefusal(outcome) ? outcome : (outcome as unknown as TestConnection);
    },
    release: (connection) => pool.release(connection as unknown as UpstreamDialogue),
  };
  return situation;
}
