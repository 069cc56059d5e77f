// One connection of the engine around faults of Postern's own: the client is told, the journal knows, the others go on.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Admission } from '../../../src/submission/access/admission.ts';
import { Penalty } from '../../../src/submission/access/penalty.ts';
import { createSessionRegistry } from '../../../src/submission/access/registry.ts';
import type { Door } from '../../../src/submission/door.ts';
import { GateServer } from '../../../src/submission/engine.ts';
import { testCertificate } from '../../support/certificates.ts';
import { ALICE } from '../../support/message-situation.ts';
import { testContexts } from '../../support/tls-contexts.ts';

const OK = { code: 250, lines: ['2.0.0 OK'] };
const SIGN_IN = `AUTH OAUTHBEARER ${Buffer.from('n,,\x01auth=Bearer abc\x01\x01').toString('base64')}`;
const ENVELOPE = 'MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n';

interface Faults {
  capabilities: () => undefined;
  data: () => Promise<unknown>;
}
let faults: Faults;
let events: [string, unknown][];
let gate: GateServer;
let carrier: Server;

/** The engine as behind a finished handshake, on plain sockets; everything behind it polite, or as `faults` says. */
beforeEach(async () => {
  faults = {
    capabilities: () => undefined,
    data: async () => ({ code: 354, lines: ['go ahead'] }),
  };
  events = [];
  const audit = new Proxy({}, { get: (_, name) => (fields: unknown) => events.push([String(name), fields]) });
  const admission = new Admission({ maxConnections: 10, maxConnectionsPerAddress: 10 });
  gate = new GateServer(
    { secure: true, socketTimeout: 60_000 },
    {
      door: doorWith(audit) as Door,
      listener: { listen: { host: '127.0.0.1', port: 0 }, tls: 'implicit' },
      admission,
      contexts: await testContexts(await testCertificate()),
    },
  );
  carrier = createServer((socket) =>
    gate.connect(socket, { place: admission.enter('127.0.0.1') } as SMTPConnectionOptions),
  ).listen(0, '127.0.0.1');
  await once(carrier, 'listening');
});
afterEach(() => {
  carrier.close();
});

function doorWith(audit: object): unknown {
  const transaction = {
    recipient: async () => OK,
    data: () => faults.data(),
    write: () => true,
    drained: async () => undefined,
    finish: async () => OK,
    abort: () => undefined,
  };
  return {
    settings: {
      hostname: 'mail.example.org',
      mechanisms: ['OAUTHBEARER'],
      maxMessageBytes: 10_000,
      maxHeaderBytes: 1000,
      header: { drop: [], authenticationResults: 'add', clientAddress: 'show' },
      qualifiedDomains: 'required',
      maxRecipients: 10,
      maxSessionsPerUser: 10,
      maxLoginFailures: 3,
      maxUnauthenticatedCommands: 10,
      maxCommandErrors: 10,
      loginTimeout: 60_000,
      maxTransaction: 100_000,
      maxSession: 100_000,
    },
    verifier: { verify: async () => ALICE, recheck: () => undefined },
    relay: {
      capabilities: () => faults.capabilities(),
      currentCapabilities: async () => faults.capabilities(),
      begin: async () => ({ reply: OK, transaction }),
    },
    sessions: createSessionRegistry(),
    penalty: new Penalty(),
    isRevoked: () => false,
    audit,
    challenge: { scope: 'mail', openidConfiguration: undefined },
    leeway: 0,
    now: Date.now,
  };
}

/** Sends the lines and gives what has come when `count` lines are there, or when the server closes. */
async function talk(text: string, count: number): Promise<{ lines: string[]; socket: Socket }> {
  const socket = connect((carrier.address() as AddressInfo).port, '127.0.0.1');
  let heard = '';
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('data', (bytes) => {
    heard += String(bytes);
    if (heard.split('\r\n').length > count) resolve();
  });
  socket.once('close', () => resolve());
  socket.write(text);
  await promise;
  return { lines: heard.split('\r\n').slice(0, -1), socket };
}

const faultsTold = () => events.filter(([name]) => name === 'fault').map(([, fields]) => fields);
const codes = (lines: readonly string[]) =>
  lines.map((line) => line.slice(0, 4)).filter((code) => /\d /.test(code));

describe('a fault', () => {
  test('in a command is answered with 451, and the next command is taken', async () => {
    faults.capabilities = () => {
      throw new Error('broken');
    };
    const { lines, socket } = await talk('EHLO client.example\r\nNOOP\r\n', 3);
    expect(codes(lines)).toEqual(['220 ', '451 ', '250 ']);
    expect(lines[1]).toMatch(/^451 4\.3\.0 Local error in processing, try again later \[[a-z0-9]+\]$/);
    expect(faultsTold()).toMatchObject([{ where: 'submission', error: { message: 'broken' } }]);
    socket.destroy();
  });

  test('in the way of a message ends its session with 451, and no other', async () => {
    const bystander = await talk('EHLO client.example\r\n', 5);
    faults.data = () => Promise.reject(new Error('broken'));
    const { lines } = await talk(
      `EHLO client.example\r\n${SIGN_IN}\r\n${ENVELOPE}From: alice@example.org\r\n\r\nText\r\n.\r\nNOOP\r\n`,
      100,
    );
    expect(codes(lines)).toEqual(['220 ', '250 ', '235 ', '250 ', '250 ', '354 ', '451 ']);
    expect(faultsTold()).toMatchObject([{ where: 'submission', error: { message: 'broken' } }]);
    const answer = once(bystander.socket, 'data');
    bystander.socket.write('NOOP\r\n');
    expect(String(await answer)).toMatch(/^250 /);
    bystander.socket.destroy();
  });
});

test('who is let in while Postern stops is told so at once', async () => {
  gate.drain();
  const { lines } = await talk('', 100);
  expect(lines.at(-1)).toMatch(/^421 4\.3\.2 /);
  await gate.empty();
});
