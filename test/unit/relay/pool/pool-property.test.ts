// The pool under any mixture of messages, limits and delays: what the upstream sees, and what becomes of everybody who asks.

import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isRefusal, refuse } from '../../../../src/refusal.ts';
import { account, type PoolSituation, startPool } from './pool-situation.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

interface Message {
  /** Which of two pools of the same server it goes by. */
  readonly pool: 0 | 1;
  readonly after: number;
  readonly mailbox: string;
  readonly user: string;
  readonly token: string;
  readonly fresh: boolean;
  readonly maxWait: number;
  readonly takes: number;
  readonly end: 'sent' | 'given up' | 'broken';
}

const message: fc.Arbitrary<Message> = fc.record({
  pool: fc.constantFrom(0, 1),
  after: fc.integer({ min: 0, max: 30 }),
  mailbox: fc.constantFrom('a', 'b', 'c'),
  user: fc.constantFrom('u', 'v', 'w'),
  token: fc.constantFrom('', ' 1', ' 2'),
  fresh: fc.boolean(),
  maxWait: fc.constantFrom(0, 50, 500, 100_000),
  takes: fc.integer({ min: 0, max: 200 }),
  end: fc.constantFrom('sent', 'sent', 'sent', 'given up', 'broken'),
});

const limits = fc.record({
  maxConnections: fc.integer({ min: 1, max: 6 }),
  maxConnectionsPerAccount: fc.integer({ min: 1, max: 4 }),
  maxConnectionsPerUser: fc.integer({ min: 1, max: 4 }),
  maxMessagesPerConnection: fc.integer({ min: 1, max: 3 }),
});

test('no limit is ever broken, everybody is answered in time, and nothing is left behind', async () => {
  await fc.assert(
    fc.asyncProperty(
      limits,
      limits,
      fc.constantFrom('upstream', 'other'),
      fc.array(message, { minLength: 5, maxLength: 60 }),
      fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 7, maxLength: 7 }),
      fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      async (one, two, id, messages, times, refusing) => {
        const situation = startPool({ ...one, idleTimeout: 300 });
        // As after a reload with other limits; or another upstream of the settings at the same server.
        const other = startPool({ ...two, idleTimeout: 300 }, { id, beside: situation });
        const pools = [situation, other] as const;
        let turn = 0;
        const next = <T>(list: readonly T[]): T => list[turn++ % list.length] as T;
        const idOf = (pool: PoolSituation): string => (pool === situation ? 'upstream' : id);
        // What the one allows and the other does not may stand while both are there.
        const most = (limit: keyof typeof one, upstream?: string): number => {
          const able = [one, two].filter((_, index) => !upstream || idOf(pools[index as 0 | 1]) === upstream);
          return Math.max(...able.map((each) => each[limit]));
        };
        for (const pool of pools) {
          pool.connectTime = () => next(times);
          pool.closeTime = () => next(times);
          // Now and then it takes no further one, where others stand.
          const standing = () =>
            pool.connections.some(({ open, upstream }) => open && upstream === idOf(pool));
          pool.answer = () =>
            next(refusing) && standing() ? refuse('upstream-busy', 'too many') : undefined;
        }
        const inUse = new Map<string, number>();
        const answers: { waited: number; maxWait: number; got: boolean }[] = [];
        for (const each of messages) {
          await pass(each.after);
          const since = performance.now();
          const pool = pools[each.pool];
          const { maxMessagesPerConnection } = each.pool === 0 ? one : two;
          const user = `${each.user} of ${idOf(pool)}`;
          void pool
            .acquire(account(each.mailbox, each.user, each.mailbox + each.token), each)
            .then((outcome) => {
              const waited = performance.now() - since;
              answers.push({ waited, maxWait: each.maxWait, got: !isRefusal(outcome) });
              if (isRefusal(outcome)) return;
              const count = (inUse.get(user) ?? 0) + 1;
              inUse.set(user, count);
              expect(count).toBeLessThanOrEqual(most('maxConnectionsPerUser', idOf(pool)));
              setTimeout(() => {
                inUse.set(user, (inUse.get(user) ?? 0) - 1);
                if (each.end === 'sent') outcome.messages += 1;
                expect(outcome.messages).toBeLessThanOrEqual(maxMessagesPerConnection);
                if (each.end === 'broken') outcome.break();
                else pool.release(outcome);
              }, each.takes);
            });
        }
        await pass(200_000);
        expect(answers).toHaveLength(messages.length);
        // Behind the wait for a place there may be the making of the connection, and the closing of the one before it.
        for (const { waited, maxWait } of answers) expect(waited).toBeLessThanOrEqual(maxWait + 80);
        // Who has all the time in the world is served in the end.
        expect(answers.filter(({ maxWait, got }) => maxWait === 100_000 && !got)).toEqual([]);
        const { peak } = situation;
        expect(peak.ofMailbox).toBeLessThanOrEqual(most('maxConnectionsPerAccount'));
        for (const [upstream, count] of peak.ofUpstream)
          expect(count).toBeLessThanOrEqual(most('maxConnections', upstream));
        for (const { pool } of pools) expect(pool.size).toBe(0);
        expect(situation.connections.filter(({ open }) => open)).toEqual([]);
        for (const { pool } of pools) pool.close();
        expect(situation.usage.idle).toBe(true);
        expect(vi.getTimerCount()).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});
