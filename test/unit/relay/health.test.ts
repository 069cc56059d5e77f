// A failing upstream: left alone while another is well, looked at again and again, and never run down by those who wait for it.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isRefusal, type Refusal, refuse } from '../../../src/refusal.ts';
import type { UpstreamDialogue } from '../../../src/relay/connection/dialogue.ts';
import { Knowledge } from '../../../src/relay/knowledge.ts';
import { createRelay, type Relay, type UpstreamChange } from '../../../src/relay/relay.ts';
import type { UpstreamSettings } from '../../../src/relay/settings.ts';
import { ALICE, BOB, ORIGIN, upstreamSettings } from '../../support/relay-situation.ts';
import {
  hangUp,
  reply,
  reset,
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
  silence,
  startScriptedUpstream,
} from '../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../support/steady-time.ts';

let first: ScriptedUpstream;
let second: ScriptedUpstream;
let relay: Relay;
let changes: UpstreamChange[];

async function start(
  changed: Partial<UpstreamSettings> = {},
  options: ScriptedUpstreamOptions = {},
): Promise<void> {
  first = await startScriptedUpstream(options);
  second = await startScriptedUpstream();
  const [one, other] = [first, second].map(({ host, port }, priority) => ({
    ...upstreamSettings({ host, port, ...changed }),
    ...{ id: ['first', 'second'][priority] as string, priority, weight: 1 },
  }));
  if (!one || !other) throw new Error('two upstreams');
  relay = createRelay({ hostname: 'gate.example.org', settings: { upstreams: [one, other], routes: [] } });
  changes = [];
  relay.onChange((change) => changes.push(change));
}

async function stop(): Promise<void> {
  relay.close();
  await first.close();
  await second.close();
}

/** @returns the upstream that has taken it, or why none has */
async function send(): Promise<string> {
  const begun = await relay.begin(ALICE, ORIGIN);
  if (isRefusal(begun)) return begun.code;
  const { transaction } = begun;
  if (!transaction) return String(begun.reply.code);
  for (const outcome of [await transaction.recipient(BOB), await transaction.data()]) {
    if (!isRefusal(outcome) && outcome.code < 400) continue;
    transaction.abort();
    return isRefusal(outcome) ? outcome.code : String(outcome.code);
  }
  const verdict = await transaction.finish(Buffer.from('Subject: x\r\n\r\nhello\r\n'));
  return isRefusal(verdict) ? verdict.code : transaction.upstream;
}

const told = () => changes.map(({ upstream, down }) => [upstream, down?.code]);

describe('beside one that is well', () => {
  useSteadyTime();
  beforeEach(() => start({ replyTimeout: 500 }));
  afterEach(stop);

  test('it is found out by one message, which the other takes, and by no further one', async () => {
    first.on('greeting', hangUp('554 5.3.2 no service'));
    for (let count = 0; count < 5; count += 1) expect(await send()).toBe('second');
    expect(first.connections).toHaveLength(1);
    expect(told()).toEqual([
      ['first', 'upstream-unavailable'],
      ['second', undefined],
    ]);
  });

  test('it is tried all the same where the other fails too, the one of lower priority first', async () => {
    await first.down();
    expect(await send()).toBe('second');
    await second.down();
    expect(await send()).toBe('upstream-unavailable');
    await first.up();
    expect(await send()).toBe('first');
    // And it is well again, for all.
    await second.up();
    expect(await send()).toBe('first');
  });

  test.each([
    { what: 'breaks off', answer: reset(), at: 'RCPT' },
    { what: 'is silent', answer: silence(), at: 'DATA' },
    { what: 'says 421', answer: hangUp('421 4.3.2 bye'), at: 'RCPT' },
    { what: 'says 421 to MAIL', answer: hangUp('421 4.3.2 bye'), at: 'MAIL' },
    { what: 'talks nonsense', answer: reply('354 what?'), at: 'RCPT' },
  ] as const)(
    'one that connects and $what three times in a row is left alone from then on',
    async ({ answer, at }) => {
      first.on(at, answer);
      for (let count = 0; count < 3; count += 1) expect(await send()).toBe('second');
      expect(first.connections).toHaveLength(3);
      for (let count = 0; count < 3; count += 1) expect(await send()).toBe('second');
      expect(first.connections).toHaveLength(3);
      expect(told()).toContainEqual(['first', expect.stringMatching(/^upstream-/)]);
    },
  );

  test('troubles that are not in a row do not count together, nor do its own answers', async () => {
    for (const answer of [reset(), reply('250 ok'), reset(), reset(), reply('250 ok'), reset(), reset()]) {
      first.on('RCPT', answer);
      await send();
    }
    first.on('RCPT', reply('450 4.2.0 greylisted'));
    for (let count = 0; count < 4; count += 1) expect(await send()).toBe('450');
    first.on('RCPT', reply('250 ok'));
    expect(await send()).toBe('first');
    expect(told().filter(([, code]) => code !== undefined)).toEqual([]);
  });

  test('a final dot without an answer is a trouble too, and its message goes to nobody else', async () => {
    first.on('end', reset());
    for (let count = 0; count < 3; count += 1) expect(await send()).toBe('upstream-lost');
    expect(second.accepted).toEqual([]);
    expect(await send()).toBe('second');
    expect(first.refused).toHaveLength(3);
  });
});

describe('looked after', () => {
  afterEach(stop);

  test('it is found again without any mail, and takes its mail back', async () => {
    await start({ healthCheckInterval: 30 });
    relay.watch();
    await first.down();
    expect(await send()).toBe('second');
    await first.up();
    await expect.poll(() => told().at(-1)).toEqual(['first', undefined]);
    expect(await send()).toBe('first');
  });

  test('its failure is found without any mail', async () => {
    await start({ healthCheckInterval: 30 });
    await first.down();
    relay.watch();
    await expect.poll(told).toContainEqual(['first', 'upstream-unavailable']);
    expect(await send()).toBe('second');
  });
});

describe('where it is the only one', () => {
  useSteadyTime();
  beforeEach(() => start({ connectTimeout: 500, maxConnections: 50, maxConnectionsPerUser: 50 }));
  afterEach(stop);

  test('all who come while it fails wait for one attempt together', async () => {
    await second.down();
    first.on('greeting', silence());
    await send();
    const knocks = first.connections.length;
    const outcomes = await Promise.all(Array.from({ length: 30 }, send));
    expect(new Set(outcomes).size).toBe(1);
    expect(first.connections.length - knocks).toBeLessThanOrEqual(2);
    first.calm();
    expect(await Promise.all(Array.from({ length: 5 }, send))).toEqual(Array(5).fill('first'));
  });
});

describe('by the clock', () => {
  const DOWN: Refusal = refuse('upstream-unavailable', 'down');
  const UP = { capabilities: { keywords: new Map(), maxMessageBytes: undefined }, cut: false };
  let outcome: Refusal | undefined;
  let looked: number[];
  let knowledge: Knowledge;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    outcome = undefined;
    looked = [];
    knowledge = new Knowledge({
      ask: async () => {
        looked.push(performance.now());
        knowledge.connected(outcome ?? (UP as unknown as UpstreamDialogue));
      },
      connections: () => 0,
    });
  });
  afterEach(() => {
    knowledge.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  /** Seconds after the last word of it at which it is looked at. */
  async function looksWithin(seconds: number): Promise<number[]> {
    const since = performance.now();
    looked = [];
    await vi.advanceTimersByTimeAsync(seconds * 1_000);
    return looked.map((time) => (time - since) / 1_000);
  }

  test('a failing one is looked at after 5, 10, 20, … seconds, up to the interval', async () => {
    knowledge.connected(UP as unknown as UpstreamDialogue);
    knowledge.watch(60_000);
    await vi.advanceTimersByTimeAsync(7_000);
    outcome = DOWN;
    // By a message, in the middle of the interval.
    knowledge.connected(DOWN);
    expect(await looksWithin(200)).toEqual([5, 15, 35, 75, 135, 195]);
  });

  test('one whose failure the look itself has found likewise', async () => {
    knowledge.connected(UP as unknown as UpstreamDialogue);
    knowledge.watch(30_000);
    outcome = DOWN;
    expect(await looksWithin(100)).toEqual([30, 35, 45, 65, 95]);
  });

  test('once it is well, only after each interval without a word; and the next failure begins anew', async () => {
    knowledge.connected(DOWN);
    outcome = DOWN;
    knowledge.watch(30_000);
    expect(await looksWithin(20)).toEqual([5, 15]);
    outcome = undefined;
    expect(await looksWithin(100)).toEqual([15, 45, 75]);
    outcome = DOWN;
    knowledge.connected(DOWN);
    expect(await looksWithin(20)).toEqual([5, 15]);
  });

  test('one that mail is sent through is not looked at', async () => {
    knowledge.connected(UP as unknown as UpstreamDialogue);
    knowledge.watch(30_000);
    for (let count = 0; count < 10; count += 1) {
      await vi.advanceTimersByTimeAsync(10_000);
      knowledge.served();
    }
    expect(looked).toEqual([]);
  });
});
