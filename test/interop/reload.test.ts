// Reload and stop under load: every message that got its 250 arrived and no other did, every connection ended with a reply.

import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectSmtp, type SmtpClient } from '../support/smtp-client.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, SENDER, startGate } from './gate.ts';
import { composeLetter, expectIntact, type Letter } from './letter.ts';
import { expectCode, initialResponse, stuffed } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';

const CLIENTS = 20;
const RELOADS = 5;
const RECIPIENT = 'alice@example.org';

let folder: string;
let sink: Sink;
let gate: Gate;
let ca: string;
beforeAll(async () => {
  folder = makeFolder('reload');
  sink = await startSink(folder);
  gate = await startGate({ upstream: { port: sink.port } });
  ca = readFileSync(gate.ca, 'utf8');
});
afterAll(async () => {
  await gate?.close();
  await sink?.close();
  removeFolder(folder);
});

/** One connection, from its TCP handshake on. */
interface Connection {
  /** The code of each reply, in order. */
  readonly replies: string[];
  /** Why it broke before it was greeted. */
  unreachable?: Error;
  /** It broke later, while a reply was owed. */
  broken?: Error;
}

/** The whole load: what was sent, what was promised, how each connection went. */
interface Ledger {
  readonly letters: { readonly letter: Letter; promised: boolean }[];
  readonly connections: Connection[];
  stopping: boolean;
}

type Door = 'starttls' | 'implicit';

/** Connects again and again until Postern is stopped, and sends all the while. */
async function keepSending(
  ledger: Ledger,
  door: Door,
  options: { token: string; isSlow: boolean },
): Promise<void> {
  for (;;) {
    const connection: Connection = { replies: [] };
    ledger.connections.push(connection);
    let client: SmtpClient | undefined;
    try {
      client = await connectSmtp({
        host: '127.0.0.1',
        port: gate.ports[door],
        implicitTls: door === 'implicit',
        ca,
      });
      await sendThree({ client, connection, ledger, door, ...options });
    } catch (error) {
      if (connection.replies.length === 0) connection.unreachable = error as Error;
      else if (connection.replies.at(-1) !== '421') connection.broken = error as Error;
    }
    client?.destroy();
    if (connection.unreachable && ledger.stopping) return;
  }
}

async function sendThree(given: {
  client: SmtpClient;
  connection: Connection;
  ledger: Ledger;
  door: Door;
  token: string;
  isSlow: boolean;
}): Promise<void> {
  const { client, connection, ledger, door, token, isSlow } = given;
  const hear = async (expected: number): Promise<void> => {
    const reply = await client.readReply();
    connection.replies.push(reply[0]?.slice(0, 3) ?? '');
    expectCode(reply, expected);
  };
  const say = async (line: string, expected: number): Promise<void> => {
    await client.write(`${line}\r\n`);
    await hear(expected);
  };
  await hear(220);
  await say('EHLO client.example.org', 250);
  if (door === 'starttls') {
    await say('STARTTLS', 220);
    await client.startTls();
    await say('EHLO client.example.org', 250);
  }
  await say(`AUTH XOAUTH2 ${initialResponse(token)}`, 235);
  for (let count = 0; count < 3; count += 1) {
    await say(`MAIL FROM:<${SENDER}>`, 250);
    await say(`RCPT TO:<${RECIPIENT}>`, 250);
    await say('DATA', 354);
    const entry = { letter: composeLetter({ from: SENDER, to: [RECIPIENT], bytes: 2000 }), promised: false };
    ledger.letters.push(entry);
    const bytes = stuffed(entry.letter.bytes);
    // The slow ones are in the middle of a message whenever a reload comes.
    for (let at = 0; isSlow && at < 1000; at += 100) {
      await client.write(bytes.subarray(at, at + 100));
      await delay(50);
    }
    await client.write(bytes.subarray(isSlow ? 1000 : 0));
    await say('.', 250);
    entry.promised = true;
  }
  await say('QUIT', 221);
}

/** Two clients that are in the middle of their TLS handshake now; each gives what it hears when it goes on with it. */
async function inHandshake(): Promise<(() => Promise<string>)[]> {
  const first = connectTcp(gate.ports.implicit, '127.0.0.1');
  await new Promise((resolve) => first.once('connect', resolve));
  const second = await connectSmtp({ host: '127.0.0.1', port: gate.ports.starttls, implicitTls: false, ca });
  expectCode(await second.readReply(), 220);
  expectCode(await second.command('EHLO client.example.org'), 250);
  expectCode(await second.command('STARTTLS'), 220);
  // Accepted, too, and not only in the system's queue: it was there before one that has been answered.
  return [
    () => readAll(connectTls({ socket: first, ca, servername: 'localhost' })),
    async () => {
      await second.startTls();
      return (await second.readReply()).join();
    },
  ];
}

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const eventsNamed = (name: string) => gate.journal.lines().filter(({ event }) => event === name).length;

/** Writes the configuration with another limit, or with a fault, and has it read. */
async function reload(number: number, fault?: string): Promise<void> {
  const file = join(gate.folder, 'postern.yaml');
  const configuration = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(
    file,
    JSON.stringify({
      ...configuration,
      submission: { ...configuration.submission, maxRecipients: 100 + number, ...(fault && { [fault]: 1 }) },
    }),
  );
  const event = fault ? 'reloadRefused' : 'reloaded';
  const before = eventsNamed(event);
  process.kill(gate.pid, 'SIGHUP');
  await until(() => eventsNamed(event) > before, event);
  // Only the fault is to be undone: the rest is the next one's.
  if (fault) writeFileSync(file, JSON.stringify(configuration));
}

test('no message and no connection is lost', async () => {
  const ledger: Ledger = { letters: [], connections: [], stopping: false };
  const token = await gate.token();
  const sending = Array.from({ length: CLIENTS }, (_, index) =>
    keepSending(ledger, index % 2 === 0 ? 'starttls' : 'implicit', { token, isSlow: index < 4 }),
  );
  const promised = () => ledger.letters.filter((entry) => entry.promised);

  for (let number = 0; number < RELOADS; number += 1) {
    const target = promised().length + 300;
    await until(() => promised().length >= target, 'the load to go on');
    const pausing = await inHandshake();
    await reload(number);
    for (const goOn of pausing) expect(await goOn()).toMatch(/^421 4\.3\.2 /);
  }
  await reload(RELOADS, 'maxRecipient');
  const target = promised().length + 300;
  await until(() => promised().length >= target, 'the load to go on after a refused reload');
  const duringReloads = ledger.connections.filter((connection) => connection.unreachable);
  expect(duringReloads.map(({ unreachable }) => unreachable?.message)).toEqual([]);

  const pausing = await inHandshake();
  ledger.stopping = true;
  const stopped = gate.stop('SIGTERM');
  await gate.journal.find(({ event }) => event === 'stopping', 'the stop');
  for (const goOn of pausing) expect(await goOn()).toMatch(/^421 4\.3\.2 /);
  await stopped;
  await Promise.all(sending);

  expect([eventsNamed('reloaded'), eventsNamed('reloadRefused'), eventsNamed('stopped')]).toEqual([
    RELOADS,
    1,
    1,
  ]);
  expectEndings(ledger);
  await expectSameLetters(ledger);
  const told = ledger.connections.filter(({ replies }) => replies.at(-1) === '421').length;
  console.log(
    `${RELOADS} reloads, one refused, one stop: ${ledger.connections.length} connections, ${told} of them told 421, ` +
      `${promised().length} messages promised, ${sink.arrivals.length} arrived`,
  );
});

function expectEndings({ connections }: Ledger): void {
  expect(connections.filter(({ broken }) => broken)).toEqual([]);
  const greeted = connections.filter(({ unreachable }) => !unreachable);
  const endings = Object.groupBy(greeted, ({ replies }) => replies.at(-1) ?? 'none');
  expect(Object.keys(endings).sort()).toEqual(['221', '421']);
  // Each reload met clients at work; some heard of it right behind the 250 for their message.
  expect(endings['421']?.length).toBeGreaterThan(CLIENTS);
  const afterMessage = endings['421']?.filter(({ replies }) => replies.slice(-3).join() === '354,250,421');
  expect(afterMessage?.length).toBeGreaterThan(RELOADS);
}

async function expectSameLetters({ letters }: Ledger): Promise<void> {
  const marks = letters.filter(({ promised }) => promised).map(({ letter }) => letter.mark);
  const markIn = (head: string) => /letter ([0-9a-f-]{36})/.exec(head)?.[1] ?? 'none';
  expect(sink.arrivals.map(({ head }) => markIn(head)).sort()).toEqual(marks.sort());
  const byMark = new Map(letters.map(({ letter }) => [letter.mark, letter]));
  for (const { head, content } of sink.arrivals) {
    const letter = byMark.get(markIn(head));
    if (letter) expectIntact(content(), letter, ['Received']);
  }
}
