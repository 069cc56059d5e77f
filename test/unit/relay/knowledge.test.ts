// What the upstream offers: asked anew when that may have changed, never so often that clients' questions become a load.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { refuse } from '../../../src/refusal.ts';
import type { UpstreamDialogue } from '../../../src/relay/connection/dialogue.ts';
import { Knowledge } from '../../../src/relay/knowledge.ts';
import {
  ALICE,
  BOB,
  begin,
  ORIGIN,
  relay,
  send,
  start,
  stop,
  upstream,
} from '../../support/relay-situation.ts';
import { silence } from '../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../support/steady-time.ts';

describe('against an upstream', () => {
  useSteadyTime();
  beforeEach(() => start({ keywords: ['SIZE 1000', '8BITMIME'] }));
  afterEach(stop);

  const offered = async () => [...((await relay.currentCapabilities(ORIGIN))?.keywords.keys() ?? [])];

  test('before the first contact nothing is asked: the gateway has done so at its start', async () => {
    expect(await relay.currentCapabilities(ORIGIN)).toBeUndefined();
    expect(upstream.connections).toHaveLength(0);
  });

  test('while a connection stands its word is good', async () => {
    await send();
    upstream.offer(['DSN']);
    expect(await offered()).toEqual(['SIZE', '8BITMIME']);
    expect(upstream.connections).toHaveLength(1);
  });

  test('a connection that the upstream ended makes it doubtful; the next word counts, and the limit with it', async () => {
    await send();
    expect(relay.capabilities(ORIGIN)?.maxMessageBytes).toBe(1000);
    await upstream.down();
    upstream.offer(['SIZE 500', 'DSN']);
    await upstream.up();
    await expect.poll(offered).toEqual(['SIZE', 'DSN']);
    expect(relay.capabilities(ORIGIN)?.maxMessageBytes).toBe(500);
    // The connection that was made for the question serves the next message.
    expect(await send()).toMatchObject({ code: 250 });
    expect(upstream.connections).toHaveLength(2);
  });

  test('one that Postern cut itself does not', async () => {
    const transaction = await begin();
    await transaction.recipient(BOB);
    await transaction.data();
    transaction.abort();
    expect(await offered()).toEqual(['SIZE', '8BITMIME']);
    expect(upstream.connections).toHaveLength(1);
  });

  test('a kept connection from before is given up for a message that needs what only the new word has', async () => {
    await start({ keywords: ['SIZE 1000'] }, { maxConnections: 2 });
    const older = await begin();
    upstream.offer(['SIZE 1000', '8BITMIME']);
    const newer = await begin();
    await newer.reset();
    await older.reset();
    // The older one is on top now.
    const eightBit = { ...ALICE, parameters: { BODY: '8BITMIME' } };
    expect(await relay.begin(eightBit, ORIGIN)).toMatchObject({ reply: { code: 250 } });
    expect(upstream.connections[0]?.commands).toContain('QUIT');
    const held = await relay.begin({ ...ALICE, parameters: { RET: 'FULL' } }, ORIGIN);
    expect(held).toMatchObject({ refused: true, code: 'parameter-unknown' });
  });

  test('MAIL on a connection that lacks what a newer one offered then is refused on this one’s word', async () => {
    await start({ keywords: ['8BITMIME'] }, { maxConnections: 1 });
    await send();
    await upstream.down();
    upstream.offer(['DSN']);
    await upstream.up();
    const eightBit = { ...ALICE, parameters: { BODY: '8BITMIME' } };
    expect(await relay.begin(eightBit, ORIGIN)).toMatchObject({ code: 'eight-bit-unavailable' });
    expect(await relay.begin({ ...ALICE, parameters: { RET: 'FULL' } }, ORIGIN)).toMatchObject({
      reply: { code: 250 },
    });
  });

  test('an upstream that is silent keeps the client for two seconds at most, and is asked by one for all', async () => {
    await start({ keywords: ['DSN'] }, { connectTimeout: 10_000, finalReplyTimeout: 10_000 });
    await send();
    await upstream.down();
    upstream.on('greeting', silence());
    await upstream.up();
    await loopbackTurn();
    const since = performance.now();
    const answers = await Promise.all([offered(), offered(), offered()]);
    expect(performance.now() - since).toBeGreaterThan(1_900);
    expect(performance.now() - since).toBeLessThan(4_000);
    expect(answers).toEqual([['DSN'], ['DSN'], ['DSN']]);
    expect(upstream.connections).toHaveLength(2);
  });
});

/** What was sent on loopback so far has been seen when a round trip behind it is through. */
async function loopbackTurn(): Promise<void> {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
  await once(socket, 'close');
  server.close();
}

describe('by the clock', () => {
  let asked: number;
  let connections: number;
  let knowledge: Knowledge;
  const dialogue = { capabilities: { keywords: new Map(), maxMessageBytes: undefined }, cut: false };

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    asked = 0;
    connections = 0;
    knowledge = new Knowledge({
      ask: async () => {
        asked += 1;
      },
      connections: () => connections,
    });
  });
  afterEach(() => void vi.useRealTimers());

  test('without a connection its word is a minute good', async () => {
    knowledge.connected(dialogue as unknown as UpstreamDialogue);
    vi.advanceTimersByTime(60_000);
    await knowledge.current();
    expect(asked).toBe(0);
    vi.advanceTimersByTime(1);
    await knowledge.current();
    expect(asked).toBe(1);
    connections = 1;
    vi.advanceTimersByTime(100_000);
    await knowledge.current();
    expect(asked).toBe(1);
  });

  test('a lost connection makes it doubtful, until the next one stands', async () => {
    knowledge.connected(dialogue as unknown as UpstreamDialogue);
    connections = 1;
    knowledge.lost(dialogue as unknown as UpstreamDialogue);
    await knowledge.current();
    expect(asked).toBe(1);
    knowledge.connected(dialogue as unknown as UpstreamDialogue);
    vi.advanceTimersByTime(10_000);
    await knowledge.current();
    expect(asked).toBe(1);
  });

  test('one that is down is asked every five seconds at most', async () => {
    knowledge.connected(refuse('upstream-unavailable', 'down'));
    for (let second = 0; second < 12; second += 1) {
      await knowledge.current();
      await knowledge.current();
      vi.advanceTimersByTime(1_000);
    }
    expect(asked).toBe(2);
  });
});
