// What idle, silent and deaf clients may take of a real Postern process: little memory, a limited time, nothing of the others' service.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SmtpClient } from '../support/smtp-client.ts';
import { msmtp } from './clients/msmtp.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, SENDER, startGate } from './gate.ts';
import { composeLetter } from './letter.ts';
import { memoryOf } from './server-process.ts';
import { beginMessage, expectCode, openConnection, openSession, stuffed } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';

const RECIPIENT = 'alice@example.org';
const IDLE_CLIENTS = 200;
const KILOBYTE = 1000;
const SECOND = 1000;

let folder: string;
let sink: Sink;
let gate: Gate;
let token: string;

beforeAll(async () => {
  folder = makeFolder('bounds');
  sink = await startSink(folder);
  gate = await startGate({
    upstream: { port: sink.port },
    submission: {
      loginTimeout: '25s',
      idleTimeout: '4s',
      drainTimeout: '2s',
      // Two more than the idle ones.
      maxConnectionsPerAddress: IDLE_CLIENTS + 2,
    },
  });
  token = await gate.token();
  await deliver();
});
afterAll(async () => {
  await gate?.close();
  await sink?.close();
  removeFolder(folder);
});

/** Milliseconds that an ordinary client's message takes. */
async function deliver(): Promise<number> {
  const letter = composeLetter({ from: SENDER, to: [RECIPIENT] });
  const started = performance.now();
  const { delivered, told } = await msmtp.submit({
    port: gate.ports.starttls,
    tls: 'starttls',
    ca: gate.ca,
    user: SENDER,
    token,
    mechanism: 'OAUTHBEARER',
    mailFrom: SENDER,
    recipients: [RECIPIENT],
    letter,
    folder,
  });
  const spent = performance.now() - started;
  expect(delivered, told).toBe(true);
  return spent;
}

/** No session is open any more, as the metrics tell. */
const allClosed = () =>
  until(async () => (await sessionsOpen()) === 0, 'every session to be closed', 90 * SECOND);

async function sessionsOpen(): Promise<number> {
  const text = await (await fetch(`${gate.health}/metrics`)).text();
  return Number(/^postern_sessions_open (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
}

test(`${IDLE_CLIENTS} idle clients take little memory, hinder nobody, and are cut off in time`, async () => {
  await allClosed();
  const before = memoryOf(gate.pid).now;
  const started = performance.now();
  const idle: SmtpClient[] = [];
  while (idle.length < IDLE_CLIENTS) idle.push(await openConnection(gate));
  const each = (memoryOf(gate.pid).now - before) / IDLE_CLIENTS;
  const spent = await deliver();
  console.log(
    `${IDLE_CLIENTS} idle TLS clients: ${(each / KILOBYTE).toFixed(0)} kB each; a message beside them took ${spent.toFixed(0)} ms`,
  );
  expect(each).toBeLessThan(250 * KILOBYTE);
  expect(spent).toBeLessThan(10 * SECOND);

  await allClosed();
  expect(performance.now() - started).toBeLessThan(90 * SECOND);
  for (const client of idle) {
    expect(await client.readReply()).toEqual([expect.stringMatching(/^421 4\.4\.2 /)]);
    client.destroy();
  }
});

test('one address holds no more places than are allowed: its oldest connection makes room, and who signs in gets in', async () => {
  const clients: SmtpClient[] = [];
  while (clients.length < IDLE_CLIENTS + 2) clients.push(await openConnection(gate));
  const [oldest, ...others] = clients as [SmtpClient, ...SmtpClient[]];
  const next = await openConnection(gate);
  expect(await oldest.readReply()).toEqual([expect.stringMatching(/^421 4\.7\.0 Too many connections/)]);
  expect(await deliver()).toBeLessThan(10 * SECOND);
  for (const client of [oldest, next, ...others]) client.destroy();
  await allClosed();
});

/** Sends and never reads: what the server answers fills the sockets' buffers. */
function makeDeaf(client: SmtpClient, line: string, times: number): void {
  client.stopReading();
  void client.write(line.repeat(times));
}

test.each([
  { what: 'commands before sign-in', command: 'NOOP\r\n', prepare: openConnection },
  { what: 'commands after it', command: 'NOOP\r\n', prepare: (one: Gate) => openSession(one, token) },
  {
    what: 'recipients without end',
    command: `RCPT TO:<${RECIPIENT}>\r\n`,
    prepare: async (one: Gate) => {
      const client = await openSession(one, token);
      expectCode(await client.command(`MAIL FROM:<${SENDER}>`), 250);
      return client;
    },
  },
  {
    what: 'recipients that are refused',
    command: 'RCPT TO:<no address>\r\n',
    prepare: async (one: Gate) => {
      const client = await openSession(one, token);
      expectCode(await client.command(`MAIL FROM:<${SENDER}>`), 250);
      return client;
    },
  },
])('a client that sends $what and never reads is given up', async ({ command, prepare }) => {
  const before = memoryOf(gate.pid).now;
  const client = await prepare(gate);
  makeDeaf(client, command, 400_000);
  expect(await deliver()).toBeLessThan(10 * SECOND);
  await allClosed();
  expect(memoryOf(gate.pid).now - before).toBeLessThan(60_000 * KILOBYTE);
  client.destroy();
});

test.each([
  { after: 'MAIL', say: (client: SmtpClient) => client.command(`MAIL FROM:<${SENDER}>`) },
  { after: 'DATA', say: (client: SmtpClient) => beginMessage(client, RECIPIENT) },
  {
    after: 'half a message',
    say: async (client: SmtpClient) => {
      await beginMessage(client, RECIPIENT);
      await client.write(stuffed(composeLetter({ from: SENDER, to: [RECIPIENT] }).bytes));
    },
  },
])('a client that falls silent after $after is given up', async ({ say }) => {
  const arrived = sink.arrivals.length;
  const client = await openSession(gate, token);
  await say(client);
  expect(await client.readReply()).toEqual([expect.stringMatching(/^421 4\.4\.2 /)]);
  await allClosed();
  expect(sink.arrivals).toHaveLength(arrived);
});
