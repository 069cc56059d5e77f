// How much memory ten large messages at once take of a real Postern process: it holds none of them, however slow the upstream.

import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, SENDER, startGate } from './gate.ts';
import { composeLetter, expectIntact, type Letter } from './letter.ts';
import { startPostfix } from './postfix.ts';
import { forgetPeak, memoryOf } from './server-process.ts';
import { beginMessage, expectCode, openSession, stuffed } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';
import { openWay } from './way.ts';

const MEGABYTE = 1_000_000;
const MESSAGES = 10;
const BYTES = 25 * MEGABYTE;
/** What the ten may take in all. */
const ALLOWED = 60 * MEGABYTE;
/** ... where all of them go on at once, as fast as they can, after a halt. They would take 250 MB if they were held. */
const ALLOWED_AFTER_HALT = 100 * MEGABYTE;
const RECIPIENT = 'alice@example.org';

test('ten messages of 25 MB through Postfix', async () => {
  const way = await openWay({ startServer: startPostfix });
  onTestFinished(() => way.close());
  await measure({ gate: way.gate, sink: way.sink, added: ['Received', 'Received'], allowed: ALLOWED });
}, 240_000);

test('ten messages of 25 MB to a mail server that stops reading in the middle', async () => {
  const folder = makeFolder('stalled');
  const sink = await startSink(folder);
  const gate = await startGate({ upstream: { port: sink.port } });
  onTestFinished(async () => {
    await gate.close();
    await sink.close();
    removeFolder(folder);
  });
  await measure({
    gate,
    sink,
    added: ['Received'],
    during: () => stallForAWhile(sink),
    allowed: ALLOWED_AFTER_HALT,
  });
}, 240_000);

/** Every client goes on pushing meanwhile, as far as it is let. */
async function stallForAWhile(sink: Sink): Promise<void> {
  await delay(300);
  sink.stall();
  await delay(3_000);
  sink.resume();
}

async function measure(given: {
  gate: Gate;
  sink: Sink;
  added: readonly string[];
  allowed: number;
  during?: () => Promise<void>;
}): Promise<void> {
  const { gate, sink, added, during } = given;
  const token = await gate.token();
  // What every process needs once, whatever it is sent: compiled code, TLS, the connection to the upstream.
  await send({ gate, token, letter: composeLetter({ from: SENDER, to: [RECIPIENT], bytes: 1000 }) });
  const { pid } = gate;
  const before = memoryOf(pid).now;
  forgetPeak(pid);

  const letters = Array.from({ length: MESSAGES }, () =>
    composeLetter({ from: SENDER, to: [RECIPIENT], bytes: BYTES }),
  );
  const started = performance.now();
  await Promise.all([...letters.map((letter) => send({ gate, token, letter })), during?.()]);
  const seconds = (performance.now() - started) / 1000;
  const { now, peak } = memoryOf(pid);

  report({ before, peak, now, seconds });
  await until(() => sink.arrivals.length === MESSAGES + 1, 'all of them to arrive', 180_000);
  for (const letter of letters) {
    const arrival = sink.arrivals.find(({ head }) => head.includes(letter.mark));
    expect(arrival, 'every one has arrived').toBeDefined();
    if (arrival) expectIntact(arrival.content(), letter, added);
  }
  expect(peak - before).toBeLessThan(given.allowed);
}

async function send(given: { gate: Gate; token: string; letter: Letter }): Promise<void> {
  const client = await openSession(given.gate, given.token);
  await beginMessage(client, RECIPIENT);
  await client.write(stuffed(given.letter.bytes));
  expectCode(await client.command('.'), 250);
  expectCode(await client.command('QUIT'), 221);
  client.destroy();
}

function report(figures: { before: number; peak: number; now: number; seconds: number }): void {
  const megabytes = (bytes: number) => (bytes / MEGABYTE).toFixed(1);
  const { before, peak, now, seconds } = figures;
  console.log(
    `${MESSAGES} × ${BYTES / MEGABYTE} MB in ${seconds.toFixed(1)} s: resident ${megabytes(before)} MB before, ` +
      `${megabytes(peak)} MB at most (+${megabytes(peak - before)}), ${megabytes(now)} MB after (+${megabytes(now - before)})`,
  );
}
