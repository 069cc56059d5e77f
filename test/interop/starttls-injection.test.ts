// STARTTLS injection with real mail servers: what a meddler in the middle puts into the clear text has no effect inside TLS, neither on
// Postern's clients (CVE-2011-0411) nor on Postern as a client itself (CVE-2021-38371 Exim; "Why TLS Is Better Without STARTTLS", 2021).

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectSmtp, type SmtpClient } from '../support/smtp-client.ts';
import { startExim } from './exim.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, startGate } from './gate.ts';
import type { MailServer } from './mail-server.ts';
import { type Meddler, type Meddling, startMeddler } from './meddler.ts';
import { startPostfix } from './postfix.ts';
import { startSendmail } from './sendmail.ts';
import { expectCode, initialResponse, openSession } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { read, submit } from './submit.ts';

const SENDER = 'app@example.org';
const MESSAGE = Buffer.from('From: app@example.org\r\nTo: alice@example.org\r\nSubject: x\r\n\r\ntext\r\n');

const OFFER = '250-evil.example.org\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-X-EVIL\r\n250 SIZE 1\r\n';
const MEDDLINGS: readonly (Meddling & { what: string })[] = [
  { what: 'one reply', behindAnswer: '250 ok\r\n' },
  { what: 'an offer of extensions', behindAnswer: OFFER },
  // Taken for replies, they would make of every message one that was accepted and has never been sent.
  {
    what: 'the replies to a whole message',
    behindAnswer: `${OFFER}250 ok\r\n250 ok\r\n354 go on\r\n250 kept\r\n`,
  },
  { what: 'half a reply', behindAnswer: '250-' },
  { what: 'a refusal', behindAnswer: '554 5.7.1 go away\r\n' },
  { what: 'a goodbye', behindAnswer: '421 4.0.0 go away\r\n' },
  { what: 'a line that never ends', behindAnswer: '2'.repeat(100_000) },
  { what: 'an answer of several lines', beforeAnswer: '220-go on\r\n' },
  { what: 'another answer', beforeAnswer: '220 go on\r\n' },
  { what: 'an offer of extensions in a segment of its own', afterAnswer: OFFER },
  { what: 'a command in front of Postern’s own', behindCommand: 'NOOP\r\n' },
  {
    what: 'a whole message in front of Postern’s own',
    behindCommand: `EHLO evil\r\nMAIL FROM:<admin@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nFrom: admin\r\n\r\nevil\r\n.\r\n`,
  },
  { what: 'the beginning of a command', behindCommand: 'MAIL FROM:<admin@example.org>\r\nRCPT TO:<bob@' },
];

const SERVERS = [
  { name: 'Postfix', startServer: startPostfix },
  { name: 'Exim', startServer: startExim },
  { name: 'Sendmail', startServer: startSendmail },
];

describe.each(SERVERS)('$name, between which and Postern somebody puts', ({ startServer }) => {
  let folder: string;
  let sink: Sink;
  let server: MailServer;
  let meddler: Meddler;
  let gate: Gate;
  let client: SmtpClient;

  beforeAll(async () => {
    folder = makeFolder('starttls');
    sink = await startSink(folder);
    server = await startServer({ sink: sink.port });
    meddler = await startMeddler(server.port);
    gate = await startGate({
      upstream: { port: meddler.port, tls: 'starttls' },
      relay: { connectTimeout: '3s' },
    });
    client = await openSession(gate, await gate.token());
  });
  afterAll(async () => {
    client?.destroy();
    await gate?.close();
    await meddler?.close();
    await server?.close();
    await sink?.close();
    removeFolder(folder);
  });

  test('what a client that goes on reading would take for replies', async () => {
    meddler.begin({ behindAnswer: '250 kept\r\n' });
    const naive = await connectSmtp({ host: '127.0.0.1', port: meddler.port, implicitTls: false, ca: '' });
    expectCode(await naive.readReply(), 220);
    expectCode(await naive.command('EHLO client.example.org'), 250);
    expectCode(await naive.command('STARTTLS'), 220);
    expect(await naive.readReply()).toEqual(['250 kept']);
    naive.destroy();
  });

  test.each(MEDDLINGS)('$what', async (meddling) => {
    const before = sink.arrivals.length;
    meddler.begin(meddling);
    const answers = await submit(client, {
      mailFrom: `<${SENDER}>`,
      recipients: ['<alice@example.org>'],
      message: MESSAGE,
    });
    await server.settled();
    const taken = answers.message.at(-1)?.startsWith('250') ?? false;
    const arrived = sink.arrivals.slice(before).map(({ mailFrom, recipients }) => [mailFrom, ...recipients]);
    expect(arrived).toEqual(taken ? [[SENDER, 'alice@example.org']] : []);
    // All of it, or nothing from the beginning: a reply that is one too early would show in between.
    if (!taken) expect(answers.mailFrom).toMatch(/^451 4\.4\./);
    expect((await client.command('EHLO client.example.org')).join('\n')).not.toMatch(/evil|SIZE 1$/im);
    expect(meddler.count).toBeGreaterThan(0);
  });
});

describe('a client of Postern’s, behind whose STARTTLS somebody puts', () => {
  let folder: string;
  let sink: Sink;
  let gate: Gate;

  beforeAll(async () => {
    folder = makeFolder('starttls');
    sink = await startSink(folder);
    gate = await startGate({ upstream: { port: sink.port } });
  });
  afterAll(async () => {
    await gate?.close();
    await sink?.close();
    removeFolder(folder);
  });

  test('a whole session with a good token: nobody is signed in, nothing is sent', async () => {
    const login = `AUTH XOAUTH2 ${initialResponse(await gate.token())}\r\n`;
    const session = `EHLO evil\r\n${login}MAIL FROM:<${SENDER}>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n${MESSAGE}.\r\n`;
    const client = await connectSmtp({
      host: '127.0.0.1',
      port: gate.ports.starttls,
      implicitTls: false,
      ca: readFileSync(gate.ca, 'utf8'),
    });
    expectCode(await client.readReply(), 220);
    await client.write(`STARTTLS\r\n${session}`);
    expectCode(await client.readReply(), 220);
    await client.startTls();
    expectCode(await client.command('EHLO client.example.org'), 250);
    await client.write(`MAIL FROM:<${SENDER}>\r\n`);
    expect(await read(client)).toMatch(/^530 5\.7\.0 /);
    expect(client.unread).toBe('');
    expect(sink.arrivals).toEqual([]);
    client.destroy();
  });
});
