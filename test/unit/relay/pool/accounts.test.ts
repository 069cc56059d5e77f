// One upstream with many mailboxes: what one of them meets with says nothing of the others.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRefusal, type Refusal, refuse } from '../../../../src/refusal.ts';
import type { Reply } from '../../../../src/relay/connection/reply.ts';
import { createRelay, type Relay, type UpstreamChange } from '../../../../src/relay/relay.ts';
import type { UpstreamSettings } from '../../../../src/relay/settings.ts';
import type { RelayTransaction } from '../../../../src/relay/transaction/transaction.ts';
import { Secret } from '../../../../src/setting.ts';
import { type CountingUpstream, startCountingUpstream } from '../../../support/counting-upstream.ts';
import { BOB, ORIGIN, upstreamSettings } from '../../../support/relay-situation.ts';
import { startScriptedUpstream } from '../../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../../support/steady-time.ts';

useSteadyTime();

let upstream: CountingUpstream;
let relay: Relay;
let changes: UpstreamChange[];
/** In place of a token, by mailbox. */
let tokenRefusals: Map<string, Refusal>;

beforeEach(async () => {
  upstream = await startCountingUpstream();
  tokenRefusals = new Map();
  start();
});
afterEach(async () => {
  relay.close();
  await upstream.close();
});

function start({
  mailbox = 'sender',
  ...settings
}: Partial<UpstreamSettings> & { mailbox?: string } = {}): void {
  relay?.close();
  changes = [];
  relay = createRelay({
    hostname: 'gate.example.org',
    settings: {
      upstream: upstreamSettings({
        ...{
          host: '127.0.0.1',
          port: upstream.port,
          maxConnections: 2,
          maxConnectionsPerUser: 9,
          maxWait: 500,
        },
        oauth: { grant: 'client-credentials', mailbox, scopes: [], timeout: 1_000 },
        ...settings,
      }),
      ...{ upstreams: [], routes: [] },
    },
    tokens: () => ({
      token: async (wanted) => tokenRefusals.get(wanted.mailbox) ?? new Secret('token'),
      close() {},
    }),
  });
  relay.onChange((change) => changes.push(change));
}

async function begin(sender: string): Promise<RelayTransaction | Refusal> {
  const begun = await relay.begin({ address: sender, parameters: {} }, ORIGIN);
  if (isRefusal(begun)) return begun;
  if (!begun.transaction) throw new Error(JSON.stringify(begun.reply));
  return begun.transaction;
}

async function sendOne(sender: string): Promise<Reply | Refusal> {
  const transaction = await begin(sender);
  if (isRefusal(transaction)) return transaction;
  await transaction.recipient(BOB);
  await transaction.data();
  transaction.write('Subject: x\r\n\r\nhello\r\n');
  return transaction.finish(undefined);
}

const ALICES = 'alice@example.org';

describe.each([
  {
    what: 'has too many connections elsewhere',
    reply: '432 4.3.2 Concurrent connections limit exceeded',
    code: 'upstream-busy',
  },
  { what: 'may not be signed in to', reply: '535 5.7.3 Authentication unsuccessful', code: 'upstream-login' },
  { what: 'needs another password', reply: '432 4.7.12 A transition is needed', code: 'upstream-login' },
  {
    what: 'cannot be signed in to for now',
    reply: '454 4.7.0 Temporary authentication failure',
    code: 'upstream-unavailable',
  },
  { what: 'is hung up on', reply: '', code: 'upstream-lost' },
])('a mailbox that $what', ({ reply, code }) => {
  test('is refused, and the upstream is not called down for it, however often it tries', async () => {
    upstream.refusals.set(ALICES, reply);
    for (let count = 0; count < 5; count += 1) expect(await begin(ALICES)).toMatchObject({ code });
    expect(await begin('bob@example.org')).toHaveProperty('finish');
    for (let count = 0; count < 5; count += 1) expect(await begin(ALICES)).toMatchObject({ code });
    expect(changes.map(({ down }) => down)).toEqual([undefined]);
  });

  test('is told so at once, and leaves the others every connection that they may have', async () => {
    start({ maxConnections: 4, maxWait: 2_000 });
    upstream.refusals.set(ALICES, reply);
    await begin('bob@example.org');
    const since = performance.now();
    expect(await begin(ALICES)).toMatchObject({ code });
    for (let count = 0; count < 3; count += 1)
      expect(await begin('carol@example.org')).toHaveProperty('finish');
    expect(performance.now() - since).toBeLessThan(2_000);
    expect(upstream.peakOf.get('carol@example.org')).toBe(3);
  });

  test('is not tried again before the connection that was refused is closed', async () => {
    upstream.refusals.set(ALICES, reply);
    const many = Array.from({ length: 10 }, () => begin(ALICES));
    for (const outcome of await Promise.all(many)) expect(outcome).toMatchObject({ refused: true });
    expect(upstream.peak).toBe(2);
  });
});

test('a mailbox that the token endpoint has nothing for is refused, and the upstream is not called down for it', async () => {
  tokenRefusals.set(ALICES, refuse('upstream-unavailable', 'the token endpoint is busy'));
  for (let count = 0; count < 5; count += 1)
    expect(await begin(ALICES)).toMatchObject({ code: 'upstream-unavailable' });
  expect(await begin('bob@example.org')).toHaveProperty('finish');
  expect(changes.map(({ down }) => down)).toEqual([undefined]);
});

test('a mailbox that may have no further connection uses the one that it has, and others have theirs', async () => {
  start({ maxConnections: 4, maxWait: 10_000 });
  const first = await begin(ALICES);
  upstream.refusals.set(ALICES, '432 4.3.2 Concurrent connections limit exceeded');
  const second = begin(ALICES);
  for (let count = 0; count < 3; count += 1) expect(await begin('bob@example.org')).toHaveProperty('finish');
  if (isRefusal(first)) throw new Error(first.reason);
  await first.reset();
  expect(await second).toHaveProperty('finish');
});

describe('one mailbox after the other', () => {
  const MAILBOXES = ['a', 'b', 'c'].map((name) => `${name}@example.org`);

  test('hung up on: the upstream is called down, where no message came through in between', async () => {
    for (const name of MAILBOXES) upstream.refusals.set(name, '');
    const [a = '', b = '', c = ''] = MAILBOXES;
    for (const name of [a, b]) await begin(name);
    expect(await sendOne('bob@example.org')).toMatchObject({ code: 250 });
    for (const name of [a, b, b, a]) await begin(name);
    expect(changes.map(({ down }) => down)).toEqual([undefined]);
    await begin(c);
    expect(changes.map(({ down }) => down?.code)).toEqual([undefined, 'upstream-lost']);
  });

  test('refused for now: each is that mailbox’s own matter', async () => {
    for (const name of MAILBOXES) upstream.refusals.set(name, '454 4.7.0 Temporary authentication failure');
    for (const name of [...MAILBOXES, ...MAILBOXES]) await begin(name);
    expect(changes).toEqual([]);
  });
});

test('the one account of an upstream is the upstream: what it meets with, all meet with', async () => {
  start({ mailbox: 'gate@example.org' });
  upstream.refusals.set('gate@example.org', '454 4.7.0 Temporary authentication failure');
  expect(await begin(ALICES)).toMatchObject({ code: 'upstream-unavailable' });
  expect(changes.map(({ down }) => down?.code)).toEqual(['upstream-unavailable']);
});

test('what one upstream lacks and another one, that is away, may have is put off', async () => {
  const [bare, away] = [await startScriptedUpstream({ keywords: [] }), await startScriptedUpstream()];
  await away.down();
  const settings = [bare, away].map(({ host, port }, priority) => ({
    ...upstreamSettings({ host, port }),
    ...{ id: `number-${priority}`, priority, weight: 1 },
  }));
  const both = createRelay({ hostname: 'gate.example.org', settings: { upstreams: settings, routes: [] } });
  const eightBit = { address: 'alice@example.org', parameters: { BODY: '8BITMIME' } } as const;
  try {
    expect(await both.begin(eightBit, ORIGIN)).toMatchObject({ code: 'upstream-unavailable' });
    await away.up();
    expect(await both.begin(eightBit, ORIGIN)).toMatchObject({ upstream: 'number-1' });
  } finally {
    both.close();
    await bare.close();
    await away.close();
  }
});
