// Several pools of one mail server: before and after a reload, and where the settings name it twice. The server counts them
// together, and so do they.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Refusal } from '../../../../src/refusal.ts';
import { accountFor, oneAccount } from '../../../../src/relay/pool/account.ts';
import { UsageBook } from '../../../../src/relay/pool/usage.ts';
import type { UpstreamSettings } from '../../../../src/relay/settings.ts';
import { Secret } from '../../../../src/setting.ts';
import { ORIGIN, upstreamSettings } from '../../../support/relay-situation.ts';
import { account, type PoolSituation, startPool, TestConnection } from './pool-situation.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
const [ALICE, BOB] = [account('alice'), account('bob')];
const MANY = { maxConnections: 20, maxConnectionsPerUser: 20 };

/** The outcome so far. */
function ask(
  situation: PoolSituation,
  of = ALICE,
  maxWait = 1_000,
): { got: TestConnection | Refusal | undefined } {
  const asked: { got: TestConnection | Refusal | undefined } = { got: undefined };
  void situation.acquire(of, { maxWait }).then((outcome) => {
    asked.got = outcome;
  });
  return asked;
}

async function get(situation: PoolSituation, of = ALICE): Promise<TestConnection> {
  const asked = ask(situation, of);
  await pass(50);
  if (!(asked.got instanceof TestConnection)) throw new Error(`no connection: ${JSON.stringify(asked.got)}`);
  return asked.got;
}

describe('a pool beside its predecessor', () => {
  test.each([
    { limit: 'maxConnections', of: BOB },
    { limit: 'maxConnectionsPerAccount', of: ALICE },
  ])('has what that leaves of $limit, and waits for what it gives back', async ({ limit, of }) => {
    const before = startPool({ ...MANY, [limit]: 2 });
    const held = [await get(before), await get(before)];
    const after = startPool({ ...MANY, [limit]: 2 }, { beside: before });
    const impatient = ask(after, of, 200);
    const patient = ask(after, of, 1_000);
    await pass(500);
    expect(impatient.got).toMatchObject({ code: 'upstream-busy' });
    before.pool.close();
    before.release(held[0] as TestConnection);
    await pass(50);
    expect(patient.got).toBeInstanceOf(TestConnection);
    expect(before.peak.all).toBe(2);
  });

  test('takes the place of connections that lie idle there, and never one of them: its own settings may want another protection', async () => {
    const before = startPool({ ...MANY, maxConnections: 1 });
    before.closeTime = () => 30;
    const kept = await get(before);
    before.release(kept);
    const after = startPool({ ...MANY, maxConnections: 1 }, { beside: before });
    expect(await get(after)).not.toBe(kept);
    expect(before.peak.all).toBe(1);
  });

  test('counts the user’s messages of both', async () => {
    const before = startPool({ maxConnections: 9, maxConnectionsPerUser: 2 });
    await get(before);
    const after = startPool({ maxConnections: 9, maxConnectionsPerUser: 2 }, { beside: before });
    await get(after);
    expect(await after.acquire(ALICE, { maxWait: 0 })).toMatchObject({
      reason: expect.stringMatching(/the user has a share of 2$/),
    });
  });

  test('knows how many the server takes, where that has been found out', async () => {
    const before = startPool(MANY);
    const held = [await get(before), await get(before)];
    before.answer = () => ({ refused: true, code: 'upstream-busy', reason: 'too many' });
    await Promise.race([before.acquire(ALICE, { maxWait: 10 }), pass(50)]);
    const after = startPool(MANY, { beside: before });
    expect(await after.acquire(ALICE, { maxWait: 0 })).toMatchObject({ code: 'upstream-busy' });
    expect(after.attempts).toBe(0);
    before.release(held[0] as TestConnection);
    await get(after);
  });

  test('with lower limits gives up what lies idle beyond them before it opens any', async () => {
    const before = startPool({ ...MANY, maxConnectionsPerAccount: 5 });
    before.closeTime = () => 30;
    const held = [
      await get(before),
      await get(before),
      await get(before),
      await get(before),
      await get(before),
    ];
    for (const connection of held.slice(0, 4)) before.release(connection);
    const after = startPool({ ...MANY, maxConnectionsPerAccount: 2 }, { beside: before });
    const asked = ask(after);
    await pass(10);
    expect([after.attempts, held.filter(({ lost }) => lost).length]).toEqual([0, 3]);
    await pass(90);
    expect(asked.got).toBeInstanceOf(TestConnection);
    expect(before.connections.filter(({ open }) => open)).toHaveLength(2);
  });

  test('with lower limits waits until all beyond them are given back', async () => {
    const before = startPool({ ...MANY, maxConnectionsPerAccount: 3 });
    const held = [await get(before), await get(before), await get(before)] as const;
    const after = startPool({ ...MANY, maxConnectionsPerAccount: 1 }, { beside: before });
    const asked = ask(after, ALICE, 10_000);
    for (const connection of held) {
      await pass(100);
      expect(asked.got).toBeUndefined();
      before.release(connection);
    }
    await pass(50);
    expect(asked.got).toBeInstanceOf(TestConnection);
    expect(before.connections.filter(({ open }) => open)).toHaveLength(1);
  });
});

describe('two upstreams of the settings at one server', () => {
  test('have connections of their own, and their account’s in common', async () => {
    const one = startPool({ ...MANY, maxConnections: 2, maxConnectionsPerAccount: 3 });
    const other = startPool(
      { ...MANY, maxConnections: 2, maxConnectionsPerAccount: 3 },
      { id: 'other', beside: one },
    );
    await get(one);
    await get(one);
    await get(other);
    expect(await other.acquire(ALICE, { maxWait: 0 })).toMatchObject({
      reason: expect.stringMatching(/the account has its 3$/),
    });
    await get(other, BOB);
    expect(await other.acquire(BOB, { maxWait: 0 })).toMatchObject({
      reason: expect.stringMatching(/all 2 were/),
    });
  });

  test('where an idle one of the account is no room in the upstream, and one of the upstream none in the account, both go', async () => {
    const limits = { ...MANY, maxConnections: 1, maxConnectionsPerAccount: 1 };
    const one = startPool(limits);
    const other = startPool(limits, { id: 'other', beside: one });
    one.release(await get(one, ALICE));
    other.release(await get(other, BOB));
    await get(other, ALICE);
    expect(one.peak.ofMailbox).toBe(1);
    expect(one.peak.ofUpstream).toEqual(
      new Map([
        ['upstream', 1],
        ['other', 1],
      ]),
    );
  });
});

test('closing one pool ends its waiting and its idle connections, and serves who waits at the other', async () => {
  const one = startPool({ ...MANY, maxConnections: 2 });
  const other = startPool({ ...MANY, maxConnections: 2 }, { beside: one });
  const [used, more] = [await get(one), await get(one)];
  const [ones, others] = [ask(one), ask(other)];
  one.pool.close();
  await pass(50);
  expect(ones.got).toMatchObject({ code: 'shutting-down' });
  expect(others.got).toBeUndefined();
  one.release(used);
  await pass(50);
  expect(others.got).toBeInstanceOf(TestConnection);
  one.release(more);
  await pass(50);
  expect(one.connections.filter(({ open }) => open)).toEqual([others.got]);

  other.release(others.got as TestConnection);
  other.pool.close();
  await pass(50);
  expect(one.connections.filter(({ open }) => open)).toEqual([]);
});

describe('the book', () => {
  const at = (host: string, more: Partial<UpstreamSettings> = {}) => upstreamSettings({ host, ...more });

  test('has one usage for each server, by whatever settings it is reached', () => {
    const book = new UsageBook();
    const usage = book.of(at('mail.example.org'));
    usage.join({});
    expect(book.of(at('MAIL.example.org.', { port: 25, maxConnections: 1 }))).toBe(usage);
    for (const other of [
      at('other.example.org'),
      at('mail.example.org', { port: 587 }),
      at('mail.example.org', { lookup: 'mx' }),
    ])
      expect(book.of(other)).not.toBe(usage);
  });

  test('remembers a message for its minute after the last pool is closed, and then forgets the server', async () => {
    const book = new UsageBook();
    const usage = book.of(at('mail.example.org'));
    const pool = {};
    usage.join(pool);
    const turn = await usage.turn('alice', { limit: 1, maxWait: 0, asker: pool });
    usage.leave(pool);
    if ('sent' in turn) turn.sent();
    expect(await usage.turn('alice', { limit: 1, maxWait: 0, asker: pool })).toMatchObject({
      code: 'shutting-down',
    });
    book.of(at('other.example.org'));
    expect(book.of(at('mail.example.org'))).toBe(usage);
    await pass(60_001);
    book.of(at('third.example.org'));
    expect(book.of(at('mail.example.org'))).not.toBe(usage);
  });
});

describe('an account', () => {
  const OAUTH = { grant: 'client-credentials' as const, scopes: [], timeout: 1_000 };
  const limitKeyOf = (settings: Partial<UpstreamSettings>, id = 'one'): string => {
    const upstream = { id, settings: upstreamSettings({ host: 'mail.example.org', ...settings }) };
    const found = accountFor(upstream, { origin: ORIGIN, sender: 'alice@example.org' });
    if ('refused' in found) throw new Error(found.reason);
    return found.limitKey;
  };

  test('is the same whichever way it is signed in to', () => {
    const byPassword = limitKeyOf({ login: { user: 'Alice@Example.ORG', password: new Secret('x') } });
    expect(limitKeyOf({ oauth: { ...OAUTH, mailbox: 'sender' } })).toBe(
      limitKeyOf({ oauth: { ...OAUTH, mailbox: 'alice@example.org' } }),
    );
    expect(limitKeyOf({ login: { user: 'alice@example.org', password: new Secret('y') } }, 'other')).toBe(
      limitKeyOf({ oauth: { ...OAUTH, mailbox: 'alice@example.org' } }),
    );
    expect(byPassword).not.toBe(
      limitKeyOf({ login: { user: 'bob@example.org', password: new Secret('x') } }),
    );
  });

  test('without a sign-in is the upstream’s own', () => {
    expect(limitKeyOf({}, 'one')).not.toBe(limitKeyOf({}, 'other'));
    const upstream = { id: 'one', settings: upstreamSettings({ host: 'mail.example.org' }) };
    expect(oneAccount(upstream, 'x').limitKey).toBe(limitKeyOf({}, 'one'));
  });
});
