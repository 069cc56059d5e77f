// Postern is killed in mid-message, again and again, at other places of the message each time: nothing partial arrives, and what a
// client got its 250 for has arrived.

import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { SmtpClient } from '../support/smtp-client.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, SENDER, startGate } from './gate.ts';
import { composeLetter, expectIntact, type Letter } from './letter.ts';
import { startPostfix } from './postfix.ts';
import { beginMessage, expectCode, openSession, stuffed } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';

const RECIPIENT = 'alice@example.org';
const BYTES = 2_000_000;
/** What has been written goes its way through TLS, Postern and the sockets meanwhile. */
const ON_ITS_WAY = 30;

/** How much of a message is sent when Postern dies, and how long after. */
const MOMENTS = [
  { when: 'in the header', sent: () => 200, wait: ON_ITS_WAY },
  { when: 'right behind the header', sent: headerBytes, wait: ON_ITS_WAY },
  { when: 'at one percent', sent: () => BYTES / 100, wait: ON_ITS_WAY },
  { when: 'in the middle', sent: () => BYTES / 2, wait: 0 },
  { when: 'in the middle, all of that forwarded', sent: () => BYTES / 2, wait: ON_ITS_WAY },
  { when: 'before the final dot', sent: ({ length }: Buffer) => length, wait: ON_ITS_WAY },
  { when: 'with the final dot on its way', sent: () => Infinity, wait: 0 },
  { when: 'shortly after the final dot', sent: () => Infinity, wait: 3 },
  { when: 'while the upstream has the final dot', sent: () => Infinity, wait: 10 },
];

interface Entry {
  readonly letter: Letter;
  /** The final dot was written. */
  ended: boolean;
  /** The client got 250. */
  promised: boolean;
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

describe.each([
  { upstream: 'Postfix', added: ['Received', 'Received'] },
  { upstream: 'a mail server that tells whether it was cut off', added: ['Received'] },
])('kill -9 before $upstream', ({ upstream, added }) => {
  test('leaves every message whole or away, and keeps every promise', async () => {
    const folder = makeFolder('kill');
    closing.push(() => removeFolder(folder));
    const sink = await startSink(folder);
    closing.push(() => sink.close());
    const gate = await startGate({ upstream: await upstreamOf(upstream, sink) });
    closing.push(() => gate.close());
    const token = await gate.token();
    const ledger: Entry[] = [];

    for (const moment of MOMENTS) {
      const busy = [keepSending(gate, token, ledger), keepSending(gate, token, ledger)];
      await sendUpTo({ gate, token, ledger, ...moment });
      await gate.stop('SIGKILL');
      await Promise.all(busy);
      await gate.start();
    }
    // The last one tells that the way is free again, and that what came before it has had its time.
    expect(await sendOne(await openSession(gate, token), newEntry(ledger, 1000))).toBe(true);

    await checkLedger({ ledger, sink, added });
    if (upstream !== 'Postfix') expect(sink.cutOff).toBeGreaterThanOrEqual(5);
  }, 180_000);
});

async function upstreamOf(name: string, sink: Sink): Promise<{ port: number; tls?: 'starttls' }> {
  if (name !== 'Postfix') return { port: sink.port };
  const postfix = await startPostfix({ sink: sink.port });
  closing.push(() => postfix.close());
  return { port: postfix.port, tls: 'starttls' };
}

async function checkLedger(given: { ledger: Entry[]; sink: Sink; added: readonly string[] }): Promise<void> {
  const { ledger, sink, added } = given;
  const promised = ledger.filter((entry) => entry.promised);
  const has = ({ letter }: Entry) => sink.arrivals.some(({ head }) => head.includes(letter.mark));
  await until(() => promised.every(has), 'everything promised to arrive');
  for (const { head, content } of sink.arrivals) {
    const entry = ledger.find(({ letter }) => head.includes(letter.mark));
    expect(entry, 'nothing arrives that nobody sent').toBeDefined();
    if (!entry) continue;
    expect(entry.ended, `${entry.letter.mark} arrived without its final dot having been sent`).toBe(true);
    expectIntact(content(), entry.letter, added);
  }
  const unfinished = ledger.filter((entry) => !entry.ended);
  expect(unfinished.length).toBeGreaterThanOrEqual(6);
  console.log(
    `killed ${MOMENTS.length} times: ${ledger.length} messages begun, ${unfinished.length} without final dot, ` +
      `${promised.length} promised, ${sink.arrivals.length} arrived, all whole`,
  );
}

/** One small message after the other, until the connection breaks. */
async function keepSending(gate: Gate, token: string, ledger: Entry[]): Promise<void> {
  const client = await openSession(gate, token);
  while (await sendOne(client, newEntry(ledger, 1000)));
}

/** False where the connection broke before the 250. */
async function sendOne(client: SmtpClient, entry: Entry): Promise<boolean> {
  try {
    await beginMessage(client, RECIPIENT);
    await client.write(stuffed(entry.letter.bytes));
    entry.ended = true;
    expectCode(await client.command('.'), 250);
    entry.promised = true;
    return true;
  } catch {
    client.destroy();
    return false;
  }
}

async function sendUpTo(given: {
  gate: Gate;
  token: string;
  ledger: Entry[];
  sent: (bytes: Buffer) => number;
  wait: number;
}): Promise<void> {
  const { gate, token, ledger, sent, wait } = given;
  const client = await openSession(gate, token);
  const entry = newEntry(ledger, BYTES);
  await beginMessage(client, RECIPIENT);
  const bytes = stuffed(entry.letter.bytes);
  const most = sent(bytes);
  await client.write(bytes.subarray(0, most));
  if (most > bytes.length) {
    entry.ended = true;
    await client.write('.\r\n');
    void client.readReply().then(
      ([line]) => {
        if (line?.startsWith('250')) entry.promised = true;
      },
      () => client.destroy(),
    );
  }
  await delay(wait);
}

function newEntry(ledger: Entry[], bytes: number): Entry {
  const letter = composeLetter({ from: SENDER, to: [RECIPIENT], bytes });
  const entry = { letter, ended: false, promised: false };
  ledger.push(entry);
  return entry;
}

function headerBytes(bytes: Buffer): number {
  return bytes.indexOf('\r\n\r\n') + 4;
}
