// Ten thousand messages, fifty at a time, through mail servers that are killed and started again at random: what clients got their
// 250 for is what has arrived, each once and whole.

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { SmtpClient } from '../support/smtp-client.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, SENDER, startGate } from './gate.ts';
import { type Manner, type MortalSink, startMortalSink } from './mortal-sink.ts';
import { freePorts } from './ports.ts';
import { openSession } from './session.ts';

const CLIENTS = 50;
const SEED = Number(process.env['POSTERN_LEDGER_SEED'] ?? 1);

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** mulberry32: the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Ledger {
  /** Of whom the client heard 250 at the end. */
  readonly promised: string[];
  /** Of whom it heard something else there: whether they have arrived is in doubt. */
  readonly doubtful: string[];
  /** The code of each command that was not accepted, with how often it came. */
  readonly refusals: Map<string, number>;
}

async function startSituation(manner: Manner): Promise<{ gate: Gate; sinks: MortalSink[] }> {
  const folder = makeFolder('ledger');
  closing.push(() => removeFolder(folder));
  const ports = await freePorts(3);
  const sinks: MortalSink[] = [];
  for (const [index, port] of ports.entries()) {
    const file = join(folder, `ledger-${index}`);
    const sink = await startMortalSink({ folder, file, port, manner, random: seeded(SEED + index) });
    closing.push(() => sink.close());
    sinks.push(sink);
  }
  const upstream = (port: number, index: number) => ({
    ...{
      id: `sink-${index}`,
      host: '127.0.0.1',
      port,
      tls: 'none',
      priority: index < 2 ? 0 : 1,
      weight: 2 - (index % 2),
    },
    ...{ maxConnections: CLIENTS, maxConnectionsPerUser: CLIENTS, healthCheckInterval: '1s' },
    ...{ connectTimeout: '2s', replyTimeout: '5s', finalReplyTimeout: '5s', maxWait: '2s' },
  });
  const gate = await startGate({
    upstream: { port: 0 },
    submission: { maxConnectionsPerAddress: CLIENTS + 10 },
    sections: { upstream: undefined, upstreams: ports.map(upstream) },
  });
  closing.push(() => gate.close());
  return { gate, sinks };
}

/** So many messages in all, each with a subject of its own; nothing is sent again. */
async function sendAll(gate: Gate, { count, name }: { count: number; name: string }): Promise<Ledger> {
  const ledger: Ledger = { promised: [], doubtful: [], refusals: new Map() };
  const token = await gate.token();
  const random = seeded(SEED + 100);
  let sent = 0;
  const clients = Array.from({ length: CLIENTS }, async () => {
    const client = await openSession(gate, token);
    while (sent < count) {
      sent += 1;
      const refused = await sendOne(client, { subject: `${name}-${sent}`, size: sizeOf(random()), ledger });
      // As a client that tries again later; else a moment without any upstream would use all of them up.
      if (refused) await delay(50 + 100 * random());
    }
    await client.command('QUIT');
    client.destroy();
  });
  await Promise.all(clients);
  return ledger;
}

/** Most messages are small, and some are larger than what one packet, or one buffer, holds. */
const sizeOf = (chance: number): number => (chance < 0.9 ? 2_000 * chance : chance < 0.98 ? 30_000 : 300_000);

async function sendOne(
  client: SmtpClient,
  { subject, size, ledger }: { subject: string; size: number; ledger: Ledger },
): Promise<boolean> {
  const body = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(size / 72));
  const lines = [
    `MAIL FROM:<${SENDER}>`,
    'RCPT TO:<alice@example.org>',
    'DATA',
    `From: ${SENDER}\r\nSubject: ${subject}\r\n\r\n${body}end of ${subject}\r\n.`,
  ];
  for (const [index, line] of lines.entries()) {
    const reply = (await client.command(line))[0] ?? '';
    if (/^(250|354) /.test(reply)) continue;
    const at = index === 3 ? 'message' : line.slice(0, 4);
    const what = `${at} ${reply.slice(0, 3)}`;
    ledger.refusals.set(what, (ledger.refusals.get(what) ?? 0) + 1);
    if (index === 3) ledger.doubtful.push(subject);
    else await client.command('RSET');
    return true;
  }
  ledger.promised.push(subject);
  return false;
}

async function run(manner: Manner, count: number): Promise<{ ledger: Ledger; arrived: string[] }> {
  const { gate, sinks } = await startSituation(manner);
  const since = performance.now();
  const ledger = await sendAll(gate, { count, name: 'message' });
  const seconds = (performance.now() - since) / 1_000;
  for (const sink of sinks) await sink.spare();
  // A failing upstream is found again, and mail goes on.
  const after = await sendAll(gate, { count: CLIENTS, name: 'after' });
  expect(after.promised).toHaveLength(CLIENTS);

  const deaths = sinks.flatMap((sink) => [...sink.deaths]);
  const kills = deaths.reduce((sum, [, times]) => sum + times, 0);
  const steps = Map.groupBy(deaths, ([step]) => step);
  const byStep = [...steps].map(
    ([step, each]) => `${each.reduce((sum, [, times]) => sum + times, 0)} at ${step}`,
  );
  const lines = gate.journal.lines();
  const down = lines.filter(({ event }) => event === 'upstreamDown');
  const last = lines.filter(({ event, upstream }) => event === 'messageAccepted' && upstream === 'sink-2');
  const reasons = Map.groupBy(
    lines.filter(({ event }) => event === 'messageRefused'),
    ({ stage, code }) => `${stage} ${code}`,
  );
  console.log([...reasons].map(([reason, each]) => `${each.length} ${reason}`).join(', '));
  console.log(
    `${count} messages in ${seconds.toFixed(1)} s (${(count / seconds).toFixed(0)}/s), seed ${SEED}; ` +
      `${kills} kills (${byStep.join(', ')}), ${down.length} times an upstream was found down, ` +
      `${last.length} messages taken by the one that comes last; ` +
      `${ledger.promised.length} heard 250, ${[...ledger.refusals].map(([what, times]) => `${times} ${what}`).join(', ')}`,
  );
  expect(kills).toBeGreaterThan(count / 400);
  expect([...ledger.refusals.keys()].filter((what) => !/ (451|421)$/.test(what))).toEqual([]);
  expect(ledger.promised.length).toBeGreaterThan(count / 2);
  const all = sinks.flatMap((sink) => sink.ledger());
  expect(all).not.toContain('damaged');
  expect(all.filter((subject) => subject.startsWith('after-')).toSorted()).toEqual(after.promised.toSorted());
  return { ledger, arrived: all.filter((subject) => !subject.startsWith('after-')) };
}

test('killed between two words: the ledger of promises is the ledger of arrivals', async () => {
  const { ledger, arrived } = await run('between', 10_000);
  expect(arrived.toSorted()).toEqual(ledger.promised.toSorted());
}, 300_000);

test('killed at any moment: nothing promised is missing, nothing arrives twice, and what came unpromised was in doubt', async () => {
  const { ledger, arrived } = await run('anywhere', 4_000);
  expect(new Set(arrived).size).toBe(arrived.length);
  const there = new Set(arrived);
  expect(ledger.promised.filter((subject) => !there.has(subject))).toEqual([]);
  const promised = new Set(ledger.promised);
  const doubtful = new Set(ledger.doubtful);
  const unpromised = arrived.filter((subject) => !promised.has(subject));
  console.log(`${ledger.doubtful.length} were in doubt, of which ${unpromised.length} had arrived`);
  expect(unpromised.filter((subject) => !doubtful.has(subject))).toEqual([]);
}, 300_000);
