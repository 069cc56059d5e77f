// The long run's sessions: the engine, the wire and the session as they are, over streams in memory, before a moody upstream.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import { refuse } from '../../src/refusal.ts';
import type { Reply } from '../../src/relay/connection/reply.ts';
import { Admission } from '../../src/submission/access/admission.ts';
import { Penalty } from '../../src/submission/access/penalty.ts';
import { createSessionRegistry } from '../../src/submission/access/registry.ts';
import { TrustedNetworks } from '../../src/submission/access/trusted-networks.ts';
import type { Door } from '../../src/submission/door.ts';
import { type GateConnection, GateServer } from '../../src/submission/engine.ts';
import type { SubmissionSettings } from '../../src/submission/settings.ts';
import { testCertificate } from '../support/certificates.ts';
import { ALICE } from '../support/message-situation.ts';
import { testContexts } from '../support/tls-contexts.ts';
import { cut, pick, type Random } from './long-run-mutation.ts';
import { pipe } from './long-run-pipe.ts';
import { cutElsewhere, type Step } from './long-run-reference.ts';
import { moodyRelay, type UpstreamRecord } from './long-run-upstream.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const GOOD_SIGN_IN = `AUTH XOAUTH2 ${base64('user=alice@example.org\x01auth=Bearer good\x01\x01')}`;
const PRELUDES = [
  '',
  `EHLO client.example\r\n${GOOD_SIGN_IN}\r\n`,
  `EHLO client.example\r\n${GOOD_SIGN_IN}\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n`,
  `EHLO client.example\r\n${GOOD_SIGN_IN}\r\nMAIL FROM:<alice@example.org> BODY=BINARYMIME\r\nRCPT TO:<bob@example.net>\r\n`,
];

const SETTINGS: SubmissionSettings = {
  hostname: 'mail.example.org',
  listeners: [],
  mechanisms: ['OAUTHBEARER', 'XOAUTH2'],
  maxMessageBytes: 30_000,
  maxHeaderBytes: 4_000,
  header: {
    drop: ['Bcc', 'Resent-Bcc', 'Return-Path', 'Content-Length'],
    authenticationResults: 'add',
    clientAddress: 'show',
  },
  qualifiedDomains: 'required',
  maxRecipients: 5,
  maxConnections: 3,
  maxConnectionsPerAddress: 3,
  maxSessionsPerUser: 3,
  maxLoginFailures: 3,
  maxUnauthenticatedCommands: 60,
  maxCommandErrors: 20,
  loginTimeout: 60_000,
  idleTimeout: 300_000,
  minBytesPerSecond: 50,
  maxTransaction: 600_000,
  maxSession: 86_400_000,
  tokenExpiry: 'next-message',
  drainTimeout: 30_000,
};

/** Everything of one session that is judged when it is over. */
interface Trace {
  /** Behind the greeting. */
  readonly steps: Step[];
  accepted: number;
  readonly faults: string[];
  /** Lines that are being answered. */
  pending: number;
  /** By the client. */
  heard: string;
}

export interface SessionPlayer {
  /** @throws Error on whatever must not be */
  play(input: string, random: Random): Promise<void>;
}

export async function createSessionPlayer(): Promise<SessionPlayer> {
  const contexts = await testContexts(await testCertificate());
  const admission = new Admission(SETTINGS);
  let relay: Door['relay'];
  let trace: Trace;
  const audit = new Proxy(
    {},
    {
      get: (_, name) => (fields: { error?: Error }) => {
        if (name === 'messageAccepted') trace.accepted += 1;
        if (name === 'fault') trace.faults.push(String(fields.error?.stack));
      },
    },
  ) as Door['audit'];
  const door: Door = {
    settings: SETTINGS,
    verifier: {
      verify: async (token) => (token === 'good' ? ALICE : refuse('token-signature', 'not the good one')),
      recheck: () => undefined,
      close: () => undefined,
    },
    get relay() {
      return relay;
    },
    sessions: createSessionRegistry(),
    isRevoked: () => false,
    trustedNetworks: new TrustedNetworks([]),
    penalty: Object.assign(new Penalty(), { failed: () => 0 }),
    audit,
    challenge: { scope: 'mail', openidConfiguration: undefined },
    leeway: 0,
    now: Date.now,
  };
  const server = (tls: 'implicit' | 'starttls'): GateServer =>
    new GateServer(
      { name: SETTINGS.hostname, secure: tls === 'implicit', socketTimeout: SETTINGS.idleTimeout },
      { door, listener: { listen: { host: '127.0.0.1', port: 0 }, tls }, admission, contexts },
    );
  const servers = { implicit: server('implicit'), starttls: server('starttls') };

  return {
    async play(input, random) {
      const moody = moodyRelay(random);
      relay = moody.relay;
      trace = { steps: [], accepted: 0, faults: [], pending: 0, heard: '' };
      const place = admission.enter('192.0.2.1');
      if (!place) throw new Error('an earlier session has not given its place back');
      const clear = random() < 0.15;
      const gate = clear ? servers.starttls : servers.implicit;
      const [client, far] = pipe();
      gate.connect(asSocket(far), { place, local: false } as SMTPConnectionOptions);
      const [connection] = gate.live;
      if (connection) watch(connection, trace);
      const text = clear ? input : pick(random, PRELUDES) + input;
      await converse({ gate, client, far, trace, random, octets: Buffer.from(text, 'latin1') });
      judge({ text, trace, upstream: moody.record });
    },
  };
}

/** What the engine asks of a TCP socket beyond a stream; a client's half close closes it whole, as net.Server's do. */
function asSocket(far: Duplex): Socket {
  return Object.assign(far, {
    setNoDelay: () => far,
    setTimeout: () => far,
    remoteAddress: '192.0.2.1',
    remotePort: 4321,
    allowHalfOpen: false,
    destroySoon: () => far.destroy(),
  }) as unknown as Socket;
}

function watch(connection: GateConnection, trace: Trace): void {
  const { gate } = connection;
  const take = gate.take.bind(gate);
  const reject = gate.reject.bind(gate);
  const reply = connection.reply.bind(connection);
  gate.take = async (line) => {
    trace.steps.push({ line: line.toString('latin1') });
    trace.pending += 1;
    await take(line).finally(() => {
      trace.pending -= 1;
    });
  };
  gate.reject = (fault) => {
    trace.steps.push('refused line');
    reject(fault);
  };
  connection.reply = (answer: Reply) => {
    trace.steps.push(answer.code);
    reply(answer);
  };
}

/** The client says all it has to say and leaves when it has heard everything, or rudely. */
async function converse(given: {
  gate: GateServer;
  client: Duplex;
  far: Duplex;
  trace: Trace;
  random: Random;
  octets: Buffer;
}): Promise<void> {
  const { gate, client, far, trace, random, octets } = given;
  const closed = gate.empty();
  const over = (): boolean => gate.live.size === 0;
  client.on('error', () => undefined);
  client.on('data', (bytes: Buffer) => {
    trace.heard += bytes.toString('latin1');
  });
  client.once('end', () => client.end());
  const rude = random();
  for (const piece of cut(random, octets)) {
    if (over()) break;
    if (!client.write(piece))
      await Promise.race([new Promise((resolve) => client.once('drain', resolve)), closed]);
    // Now and then the server gets its turn between two pieces.
    if (random() < 0.3) await nextTurn();
  }
  if (rude < 0.05) far.destroy();
  else {
    if (rude > 0.15) await quiet(trace, over);
    client.end();
  }
  await closed;
  await nextTurn();
}

/** Until nothing has happened for some turns of the event loop. */
async function quiet(trace: Trace, over: () => boolean): Promise<void> {
  for (let still = 0; still < 6 && !over(); still += 1) {
    const before = trace.steps.length;
    await nextTurn();
    if (trace.steps.length !== before || trace.pending > 0) still = 0;
  }
}

function judge(given: { text: string; trace: Trace; upstream: UpstreamRecord }): void {
  const { trace, upstream } = given;
  const { steps, heard, faults, accepted } = trace;
  const wrong = [...faults, ...upstream.wrong];
  if (upstream.accepted !== accepted)
    wrong.push(`${upstream.accepted} messages taken by the upstream, ${accepted} told of in the journal`);
  const turn = outOfTurn(steps) ?? cutElsewhere(given.text, steps);
  if (turn) wrong.push(turn);
  const rest = heard.replace(/(?:\d{3}-[ -~]*\r\n)*\d{3} [ -~]*\r\n/g, '');
  // A client that leaves rudely may miss the end of the last one.
  if (rest.includes('\n')) wrong.push(`no reply: ${JSON.stringify(rest.slice(0, 200))}`);
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
}

/** One reply to each line; after a 354 another one, for the message; a 421 at any time, as the last of all. */
function outOfTurn(steps: readonly Step[]): string | undefined {
  let owed = false;
  for (const [index, step] of steps.entries()) {
    if (typeof step !== 'number') {
      if (owed) return `a line was taken before the one ahead of it was answered: ${tell(steps)}`;
      owed = true;
    } else if (step === 421 && index === steps.length - 1) owed = false;
    else if (!owed) return `a reply that nobody is owed: ${tell(steps)}`;
    else if (step !== 354) owed = false;
  }
  return undefined;
}

const tell = (steps: readonly Step[]): string =>
  steps.map((step) => (typeof step === 'object' ? JSON.stringify(step.line.slice(0, 40)) : step)).join(' ');
