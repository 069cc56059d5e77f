// Connections in all, of an account and of a user: kept exactly, as the upstream sees them; shared fairly; none lost.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Refusal, refuse } from '../../../../src/refusal.ts';
import type { UpstreamDialogue } from '../../../../src/relay/connection/dialogue.ts';
import { ClosingConnections } from '../../../../src/relay/pool/closing.ts';
import type { Counted } from '../../../../src/relay/pool/counted.ts';
import { account, type PoolSituation, startPool, TestConnection } from './pool-situation.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

/** An answer that may take its time. */
interface Asked {
  got: TestConnection | Refusal | undefined;
  at: number | undefined;
}

function ask(situation: PoolSituation, ...how: Parameters<PoolSituation['acquire']>): Asked {
  const asked: Asked = { got: undefined, at: undefined };
  void situation.acquire(...how).then((outcome) => {
    asked.got = outcome;
    asked.at = performance.now();
  });
  return asked;
}

function connectionOf({ got }: Asked): TestConnection {
  if (!(got instanceof TestConnection)) throw new Error(`no connection: ${JSON.stringify(got)}`);
  return got;
}

async function get(...how: Parameters<typeof ask>): Promise<TestConnection> {
  const asked = ask(...how);
  await pass(10);
  return connectionOf(asked);
}

const [ALICE, BOB, CAROL] = [account('alice'), account('bob'), account('carol')];

describe('a kept connection', () => {
  test('serves its own account again, the newest first', async () => {
    const situation = startPool();
    const first = await get(situation, ALICE);
    const second = await get(situation, ALICE);
    situation.release(first);
    situation.release(second);
    expect(await get(situation, ALICE)).toBe(second);
    expect(await get(situation, BOB)).not.toBe(first);
  });

  test('rests until it is used again', async () => {
    const situation = startPool();
    const connection = await get(situation, ALICE);
    expect(connection.resting).toBe(false);
    situation.release(connection);
    expect(connection.resting).toBe(true);
    await get(situation, ALICE);
    expect(connection.resting).toBe(false);
  });

  test('of another token of the same mailbox serves nobody else, and counts for the mailbox', async () => {
    const situation = startPool({ maxConnectionsPerAccount: 1 });
    const first = await get(situation, account('alice', 'alice', 'alice token-1'));
    const other = ask(situation, account('alice', 'alice', 'alice token-2'));
    await pass(100);
    expect(other.got).toBeUndefined();
    situation.release(first);
    await pass(10);
    expect(connectionOf(other)).not.toBe(first);
    expect(first.open).toBe(false);
    expect(situation.peak.ofMailbox).toBe(1);
  });

  test('is not what somebody gets who asks for a fresh one', async () => {
    const situation = startPool({ maxConnections: 1 });
    const first = await get(situation, ALICE);
    situation.release(first);
    expect(await get(situation, ALICE, { fresh: true })).not.toBe(first);
    expect(situation.peak.all).toBe(1);
  });

  test('of another account makes room, the one that has been idle longest first', async () => {
    const situation = startPool({ maxConnections: 2 });
    const [alices, bobs] = [await get(situation, ALICE), await get(situation, BOB)];
    situation.release(bobs);
    situation.release(alices);
    await get(situation, CAROL);
    expect([alices.lost, bobs.lost !== undefined]).toEqual([undefined, true]);
    expect(situation.peak.all).toBe(2);
  });

  test('is closed when nobody has needed it for so long, and its place is free', async () => {
    const situation = startPool({ maxConnections: 1, idleTimeout: 5_000 });
    situation.release(await get(situation, ALICE));
    await pass(4_990);
    expect(situation.connections[0]?.lost).toBeUndefined();
    await pass(20);
    expect(situation.connections[0]?.open).toBe(false);
    expect(situation.pool.size).toBe(0);
  });
});

describe('a limit', () => {
  test.each([
    { limit: 'maxConnections', first: ALICE, other: BOB, why: /: all 1 were in use$/ },
    {
      ...{ limit: 'maxConnectionsPerAccount', first: ALICE, other: account('alice', 'bob') },
      why: /: the account has its 1$/,
    },
    {
      ...{ limit: 'maxConnectionsPerUser', first: ALICE, other: account('bob', 'alice') },
      why: /: the user has a share of 1$/,
    },
  ])('$limit is waited for, up to maxWait', async ({ limit, first, other, why }) => {
    const situation = startPool({ maxConnectionsPerUser: 5, [limit]: 1 });
    const held = await get(situation, first);
    const since = performance.now();
    const patient = ask(situation, other, { maxWait: 700 });
    const impatient = ask(situation, other, { maxWait: 500 });
    const none = ask(situation, other, { maxWait: 0 });
    await pass(499);
    expect(none).toMatchObject({ got: { code: 'upstream-busy' }, at: since });
    expect(impatient.got).toBeUndefined();
    await pass(1);
    const reason = expect.stringMatching(why);
    expect(impatient).toMatchObject({ got: { code: 'upstream-busy', reason }, at: since + 500 });
    situation.release(held);
    await pass(10);
    expect(connectionOf(patient).lost).toBeUndefined();
    if (limit !== 'maxConnectionsPerUser') expect(situation.peak.all).toBe(1);
  });

  test('counts a connection until its end has been seen', async () => {
    const situation = startPool({ maxConnections: 1, maxMessagesPerConnection: 1 });
    situation.closeTime = () => 200;
    const first = await get(situation, ALICE);
    first.messages = 1;
    const waiting = ask(situation, ALICE);
    situation.release(first);
    // Its place is taken over by who comes now, who waits for nobody but it.
    const none = ask(situation, BOB, { maxWait: 0 });
    await pass(199);
    expect(waiting.got).toBeUndefined();
    await pass(10);
    expect(connectionOf(waiting)).not.toBe(first);
    expect(none.got).toMatchObject({ code: 'upstream-busy' });
    expect(situation.peak.all).toBe(1);
  });

  test('of one account is not broken by what another one closes', async () => {
    const situation = startPool({
      maxConnections: 2,
      maxConnectionsPerAccount: 1,
      maxMessagesPerConnection: 1,
    });
    situation.closeTime = () => 200;
    const first = await get(situation, ALICE);
    const bobs = await get(situation, BOB);
    first.messages = 1;
    situation.release(first);
    const carols = ask(situation, CAROL);
    situation.release(bobs);
    const again = ask(situation, ALICE);
    await pass(500);
    expect([connectionOf(carols), connectionOf(again)]).toHaveLength(2);
    expect(situation.peak).toMatchObject({ all: 2, ofMailbox: 1 });
  });
});

test('a place that is taken over counts for who takes it, and for whose it was until it is closed', async () => {
  const closing = new ClosingConnections({ onClosed: () => undefined });
  const [alices, bobs] = ['alice', 'bob'].map((limitKey) => ({ upstream: 'one', limitKey })) as [
    Counted,
    Counted,
  ];
  const carols = { upstream: 'other', limitKey: 'carol' };
  const besides = () =>
    [{ limitKey: 'alice' }, { limitKey: 'bob' }, { upstream: 'one' }].map((of) => closing.besides(of));
  for (let count = 0; count < 3; count += 1) {
    const connection = new TestConnection(ALICE, () => 100);
    connection.quit();
    closing.add(connection as unknown as UpstreamDialogue, alices);
  }
  expect(besides()).toEqual([3, 0, 3]);
  void closing.claim(alices, { limitKey: 'alice' });
  expect(besides()).toEqual([2, 0, 2]);
  void closing.claim(bobs, {});
  expect(besides()).toEqual([2, 0, 1]);
  // Of another upstream: this one has it until it is closed.
  void closing.claim(carols, {});
  expect(besides()).toEqual([2, 0, 1]);
  expect(closing.has({})).toBe(false);
  await pass(100);
  expect(closing.size({})).toBe(0);
});

describe('fairness', () => {
  test('a hundred waiting messages of one user do not keep another one’s back', async () => {
    const situation = startPool({ maxConnections: 4, maxConnectionsPerUser: 4 });
    const one = account('', 'alice');
    const held = [];
    for (let count = 0; count < 4; count += 1) held.push(await get(situation, one));
    const crowd = Array.from({ length: 100 }, () => ask(situation, one, { maxWait: 60_000 }));
    const other = ask(situation, account('', 'bob'), { maxWait: 60_000 });
    situation.release(held[0] as TestConnection);
    await pass(10);
    expect(connectionOf(other)).toBe(held[0]);
    expect(crowd.every(({ got }) => got === undefined)).toBe(true);
  });

  test('among equals who has waited longest comes first', async () => {
    const situation = startPool({ maxConnections: 1 });
    const held = await get(situation, ALICE);
    const waiting = ['b', 'c', 'd'].map((name) => ask(situation, account('alice', name)));
    for (const [index, each] of waiting.entries()) {
      situation.release(index === 0 ? held : connectionOf(waiting[index - 1] as Asked));
      await pass(10);
      expect(each.got).toBeDefined();
      expect(waiting[index + 1]?.got).toBeUndefined();
    }
  });

  test('one user has three quarters of the connections at most where nothing else is said', async () => {
    const { maxConnectionsPerUser: _, ...settings } = { maxConnectionsPerUser: 0, maxConnections: 8 };
    const situation = startPool(settings);
    for (let count = 0; count < 6; count += 1) await get(situation, ALICE);
    expect(await situation.acquire(ALICE, { maxWait: 0 })).toMatchObject({ code: 'upstream-busy' });
    await get(situation, BOB);
  });
});

describe('an upstream that takes no further connection', () => {
  const NO = refuse('upstream-unavailable', '421 too many connections');

  test('is not knocked at by all who wait each time one of them is through', async () => {
    const situation = startPool({ maxConnections: 50, maxConnectionsPerUser: 50 });
    const held = [await get(situation, ALICE), await get(situation, ALICE), await get(situation, ALICE)];
    situation.answer = () => NO;
    const crowd = Array.from({ length: 40 }, () => ask(situation, ALICE, { maxWait: 4_000 }));
    await pass(100);
    // They came at once, before anybody knew.
    const knocks = situation.attempts;
    for (let round = 0; round < 20; round += 1) {
      for (const connection of held) situation.release(connection);
      await pass(10);
    }
    expect(situation.attempts).toBe(knocks);
    expect(crowd.filter(({ got }) => got instanceof TestConnection)).toHaveLength(40);
  });

  test('is asked for one more after five seconds, and for all of them once it takes them', async () => {
    const situation = startPool({ maxConnections: 10, maxConnectionsPerUser: 10 });
    await get(situation, ALICE);
    situation.answer = () => NO;
    expect(await Promise.race([situation.acquire(ALICE, { maxWait: 100 }), pass(200)])).not.toBeInstanceOf(
      TestConnection,
    );
    situation.answer = () => undefined;
    await pass(5_000);
    for (let count = 1; count < 10; count += 1) {
      await get(situation, ALICE);
      await pass(5_000);
    }
    expect(situation.peak.all).toBe(10);
  });

  test('gets one in place of an idle one of another account, without waiting', async () => {
    const situation = startPool({ maxConnections: 5 });
    situation.release(await get(situation, BOB));
    situation.answer = () => (situation.connections.filter(({ open }) => open).length >= 1 ? NO : undefined);
    const alices = ask(situation, ALICE);
    await pass(50);
    expect(connectionOf(alices).account).toBe(ALICE);
  });

  test('where nothing stands it is told as it is', async () => {
    const situation = startPool();
    situation.answer = () => NO;
    const asked = ask(situation, ALICE);
    await pass(10);
    expect(asked.got).toBe(NO);
  });
});

test('an attempt that throws leaves its place to others', async () => {
  const situation = startPool({ maxConnections: 1 });
  situation.answer = () => {
    throw new Error('bug');
  };
  const failed = situation.acquire(ALICE).catch((error: Error) => error.message);
  await pass(10);
  expect(await failed).toBe('bug');
  situation.answer = () => undefined;
  await get(situation, ALICE);
});

test('closing: who waits is told, who comes is told, what is idle goes, what is in use goes when it is given back', async () => {
  const situation = startPool({ maxConnections: 2, maxConnectionsPerUser: 2 });
  const [used, idle] = [await get(situation, ALICE), await get(situation, ALICE)];
  const third = ask(situation, ALICE);
  situation.release(idle);
  await pass(0);
  situation.release(connectionOf(third));
  const waiting = [ask(situation, ALICE), ask(situation, ALICE)];
  await pass(0);
  situation.pool.close();
  await pass(0);
  expect(waiting[1]?.got).toMatchObject({ code: 'shutting-down' });
  expect(await situation.acquire(ALICE)).toMatchObject({ code: 'shutting-down' });
  for (const connection of [used, connectionOf(waiting[0] as Asked)]) situation.release(connection);
  await pass(100);
  expect(situation.connections.every(({ open }) => !open)).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});
