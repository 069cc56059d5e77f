// One upstream with many mailboxes: what one of them meets with says nothing of the others.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRefusal, type Refusal } from '../../../../src/refusal.ts';
import { createRelay, type Relay, type UpstreamChange } from '../../../../src/relay/relay.ts';
import type { RelayTransaction } from '../../../../src/relay/transaction/transaction.ts';
import { Secret } from '../../../../src/setting.ts';
import { type CountingUpstream, startCountingUpstream } from '../../../support/counting-upstream.ts';
import { ORIGIN, upstreamSettings } from '../../../support/relay-situation.ts';
import { startScriptedUpstream } from '../../../support/scripted-upstream.ts';

let upstream: CountingUpstream;
let relay: Relay;
let changes: UpstreamChange[];

beforeEach(async () => {
  upstream = await startCountingUpstream();
  changes = [];
  relay = createRelay({
    hostname: 'gate.example.org',
    settings: {
      upstream: upstreamSettings({
        ...{
          host: '127.0.0.1',
          port: upstream.port,
          maxConnections: 2,
          maxConnectionsPerUser: 2,
          maxWait: 300,
        },
        oauth: { grant: 'client-credentials', mailbox: 'sender', scopes: [], timeout: 1_000 },
      }),
      ...{ upstreams: [], routes: [] },
    },
    tokens: () => ({ token: async () => new Secret('token'), close() {} }),
  });
  relay.onChange((change) => changes.push(change));
});
afterEach(async () => {
  relay.close();
  await upstream.close();
});

async function begin(sender: string): Promise<RelayTransaction | Refusal> {
  const begun = await relay.begin({ address: sender, parameters: {} }, ORIGIN);
  if (isRefusal(begun)) return begun;
  if (!begun.transaction) throw new Error(JSON.stringify(begun.reply));
  return begun.transaction;
}

describe.each([
  {
    what: 'has too many connections elsewhere',
    reply: '432 4.3.2 Concurrent connections limit exceeded',
    code: 'upstream-busy',
  },
  { what: 'may not be signed in to', reply: '535 5.7.3 Authentication unsuccessful', code: 'upstream-login' },
])('a mailbox that $what', ({ reply, code }) => {
  test('is refused, and the upstream is not called down for it', async () => {
    upstream.refusals.set('alice@example.org', reply);
    expect(await begin('alice@example.org')).toMatchObject({ code });
    expect(await begin('bob@example.org')).toHaveProperty('finish');
    expect(changes.map(({ down }) => down)).toEqual([undefined]);
  });

  test('is not tried again before the connection that was refused is closed', async () => {
    upstream.refusals.set('alice@example.org', reply);
    const many = Array.from({ length: 10 }, () => begin('alice@example.org'));
    for (const outcome of await Promise.all(many)) expect(outcome).toMatchObject({ refused: true });
    expect(upstream.peak).toBe(2);
  });
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
