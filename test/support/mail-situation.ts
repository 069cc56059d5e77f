// The mail commands of one signed-in session from its bytes to the upstream, without sockets: fast enough to be fuzzed.

import type { Path } from '../../src/envelope.ts';
import { isRefusal } from '../../src/refusal.ts';
import { readCapabilities } from '../../src/relay/connection/capabilities.ts';
import type { UpstreamDialogue } from '../../src/relay/connection/dialogue.ts';
import type { Begun } from '../../src/relay/relay.ts';
import { BinaryBody } from '../../src/relay/transaction/body.ts';
import { isBinary } from '../../src/relay/transaction/parameters.ts';
import type { RelayTransaction } from '../../src/relay/transaction/transaction.ts';
import type { Outcome } from '../../src/submission/command-table.ts';
import type { Door, Wire } from '../../src/submission/door.ts';
import { MailCommands, type MailHost } from '../../src/submission/mail-commands.ts';
import { WireStream } from '../../src/submission/message/wire.ts';
import { ownReply, replyWith } from '../../src/submission/replies.ts';
import { ALICE, headerContext, MessageUpstream, QUEUED, TIME } from './message-situation.ts';
import { ORIGIN } from './relay-situation.ts';

const OFFERS = '250-upstream\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 BINARYMIME\r\n';

export interface Exchange {
  /** Lines that were read as commands, in order. */
  readonly commands: string[];
  /** The first line of each reply, in order, without the session id. */
  readonly replies: string[];
  /** Each message that got its end: the octets that went to the upstream, dots taken out again. */
  readonly messages: string[];
  /** Messages that were begun at the upstream. */
  readonly begun: number;
  /** Why the client was hung up on. */
  readonly hungUp: string | undefined;
}

export interface MailSession {
  readonly mail: MailCommands;
  /** Resolves when the bytes have been read, or never where the session waits for something. */
  write(bytes: Buffer | string): Promise<void>;
  exchange(): Exchange;
}

/** Plays the client's pieces, each as its own segment. */
export async function playMail(pieces: readonly Buffer[], maxMessageBytes = 100_000): Promise<Exchange> {
  const session = beginMail(maxMessageBytes);
  for (const piece of pieces) {
    if (!session.exchange().hungUp) await session.write(piece);
  }
  session.mail.abandon();
  return session.exchange();
}

/** After EHLO and sign-in. */
export function beginMail(maxMessageBytes = 100_000): MailSession {
  const stream = new WireStream();
  const seen = { commands: [] as string[], replies: [] as string[], messages: [] as string[] };
  let begun = 0;
  let hungUp: string | undefined;
  const wire = {
    id: 's',
    peer: '192.0.2.1',
    secure: true,
    tls: () => undefined,
    reply: ({ code, lines }) =>
      void (hungUp ?? seen.replies.push(`${code} ${lines[0]?.replace(' [s]', '')}`)),
    hangUp(cause) {
      hungUp ??= cause;
      stream.isClosed = true;
    },
    startMessage: (sink) => stream.startMessage(sink),
    startChunk: (octets, sink) => stream.startChunk(octets, sink),
  } as Partial<Wire> as Wire;
  const capabilities = readCapabilities(OFFERS, { secure: false });
  const begin = async (mailFrom: Path): Promise<Begun> => {
    begun += 1;
    const told = (octets: string): void => void seen.messages.push(octets);
    return {
      upstream: 'scripted',
      reply: QUEUED,
      transaction: isBinary(mailFrom) ? binary(told) : text(told),
    };
  };
  const { settings, qualifiedDomains } = headerContext();
  const door = {
    settings: {
      hostname: 'mail.example.org',
      maxMessageBytes,
      maxHeaderBytes: 1000,
      maxRecipients: 10,
      minBytesPerSecond: 1,
      maxTransaction: 60_000,
      maxSession: 60_000,
      header: settings,
      qualifiedDomains,
    },
    relay: { capabilities: () => capabilities, begin },
    audit: new Proxy({}, { get: () => () => undefined }),
    leeway: 0,
    now: () => TIME.getTime(),
  } as unknown as Door;
  const answer = (outcome: Outcome): void => {
    if (!outcome) return;
    const reply = replyWith(outcome, wire.id);
    wire.reply(reply);
    if (reply.code === 421) wire.hangUp('421');
  };
  const host: MailHost = {
    sender: { principal: ALICE, clientName: 'client.example', network: undefined, origin: ORIGIN },
    gone: false,
    started: performance.now(),
    chunking: true,
    answer,
    messageEnded: answer,
  };
  const mail = new MailCommands({ door, wire, host });
  const verbs: Record<string, (line: string) => Promise<Outcome> | Outcome> = {
    MAIL: (line) => mail.mail(line),
    RCPT: (line) => mail.recipient(line),
    DATA: (line) => mail.data(line),
    BDAT: (line) => mail.bdat(line),
    RSET: () => mail.abandon() ?? ownReply(250, '0.0', 'OK'),
  };
  stream.online = (line, done) => {
    const command = line.toString('latin1');
    seen.commands.push(command);
    const verb = verbs[command.slice(0, 4).toUpperCase()] ?? (() => ownReply(500, '5.2', 'what?'));
    void Promise.resolve(verb(command)).then((outcome) => {
      answer(outcome);
      done();
    });
  };
  stream.onfault = ({ head }, done) => {
    answer(ownReply(500, '5.2', 'fault'));
    if (/^bdat/i.test(head.toString('latin1'))) wire.hangUp('fault');
    done();
  };
  const errors: Error[] = [];
  stream.on('error', (error) => errors.push(error));
  return {
    mail,
    write: (bytes) => new Promise((resolve) => stream.write(bytes, () => resolve())),
    exchange() {
      if (errors[0]) throw errors[0];
      return { ...seen, begun, hungUp };
    },
  };
}

function text(told: (octets: string) => void): RelayTransaction {
  const upstream = new MessageUpstream();
  const { finish } = MessageUpstream.prototype;
  return Object.assign(upstream, {
    finish(last: Buffer | undefined) {
      const verdict = finish.call(upstream, last);
      told(upstream.text.replaceAll(/(^|\r\n)\./g, '$1'));
      return verdict;
    },
  });
}

/** The relay's own way of sending octets, to an upstream that takes every chunk. */
function binary(told: (octets: string) => void): RelayTransaction {
  let octets = '';
  let isCommand = true;
  const dialogue = {
    capabilities: readCapabilities(OFFERS, { secure: false }),
    command: async () => {
      isCommand = true;
      return QUEUED;
    },
    write(bytes: Buffer | string) {
      octets += bytes.toString('latin1');
      return isCommand;
    },
    drained: async () => undefined,
  } as Partial<UpstreamDialogue> as UpstreamDialogue;
  const body = new BinaryBody(dialogue, { replyTimeout: 10_000, finalReplyTimeout: 10_000 } as never);
  return {
    upstream: 'scripted',
    recipient: async () => QUEUED,
    data: () => body.begin(),
    write: (bytes) => body.write(bytes),
    drained: () => body.drained(),
    get verdict() {
      return body.verdict;
    },
    async finish(last) {
      const verdict = await body.finish(last);
      if (!isRefusal(verdict)) told(octets);
      return verdict;
    },
    reset: async () => undefined,
    abort: () => undefined,
  };
}
