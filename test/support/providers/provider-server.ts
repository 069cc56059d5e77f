// What the scripted providers have in common: an SMTP server on loopback whose every word its rules give.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type TestCertificate, testCertificate } from '../certificates.ts';
import { ProviderWire } from './provider-wire.ts';

/** The command that is answered; `end` is the final dot. */
export type ProviderStep = 'greeting' | 'EHLO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'end';

/** Lines as they stand on the wire, with their codes. */
export type Lines = readonly string[];

export interface ProviderSession {
  secure: boolean;
  /** The mailbox that is signed in to. */
  user: string | undefined;
  sender: string;
  recipients: string[];
  closed: boolean;
}

export interface Exchange {
  /** What stood on the AUTH line. */
  readonly initial: string | undefined;
  /** Puts a challenge to the client; its answer, decoded. */
  ask(challenge: string): Promise<string>;
}

export type SignedIn = { readonly user: string; readonly lines: Lines } | { readonly no: Lines };

export interface ProviderRules {
  readonly name: string;
  readonly tls: 'starttls' | 'implicit';
  /** Keywords of the EHLO reply, AUTH and STARTTLS left out where they are not offered. */
  keywords(session: ProviderSession): Lines;
  readonly mechanisms: Readonly<Record<string, (exchange: Exchange) => Promise<SignedIn> | SignedIn>>;
  /** The usual answer to each step. */
  readonly usual: Readonly<Record<Exclude<ProviderStep, 'EHLO' | 'AUTH'> | 'unknown', Lines>>;
  /** The unusual one, where there is reason for it. */
  judge(step: ProviderStep, session: ProviderSession, text: string): Lines | undefined;
}

export interface ProviderMessage {
  readonly user: string | undefined;
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly text: string;
}

export class ProviderServer {
  readonly host = '127.0.0.1';
  port = 0;
  readonly sessions: ProviderSession[] = [];
  readonly accepted: ProviderMessage[] = [];
  /** Each attempt to sign in, by mechanism and reply code. */
  readonly signIns: string[] = [];
  readonly #rules: ProviderRules;
  readonly #certificate: TestCertificate;
  readonly #server: Server;
  readonly #wires = new Set<ProviderWire>();
  readonly #forced: { step: ProviderStep; lines: Lines; times: number }[] = [];

  constructor(rules: ProviderRules, certificate: TestCertificate) {
    this.#rules = rules;
    this.#certificate = certificate;
    const accept = (socket: Socket): void => void this.#serve(new ProviderWire(socket));
    const { certificate: cert, key } = certificate;
    this.#server = rules.tls === 'implicit' ? createTlsServer({ cert, key }, accept) : createServer(accept);
  }

  /** In place of the usual answer: for whatever happens inside of a provider, where no client sees it. */
  answer(step: ProviderStep, lines: Lines, times = Number.POSITIVE_INFINITY): void {
    this.#forced.push({ step, lines, times });
  }

  async open(): Promise<void> {
    this.#server.listen(0, this.host);
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const wire of this.#wires) wire.destroy();
    await once(this.#server, 'close');
  }

  async #serve(wire: ProviderWire): Promise<void> {
    const session: ProviderSession = {
      secure: this.#rules.tls === 'implicit',
      user: undefined,
      sender: '',
      recipients: [],
      closed: false,
    };
    this.sessions.push(session);
    this.#wires.add(wire);
    if (this.#say(wire, session, 'greeting', '')) {
      for (let line = await wire.line(); line !== undefined; line = await wire.line()) {
        if (!(await this.#command(wire, session, line))) break;
      }
    }
    session.closed = true;
    this.#wires.delete(wire);
  }

  /** False where it was the last one. */
  async #command(wire: ProviderWire, session: ProviderSession, line: string): Promise<boolean> {
    const verb = (line.split(/[ :]/, 1)[0] ?? '').toUpperCase();
    switch (verb) {
      case 'EHLO':
        return this.#ehlo(wire, session);
      case 'STARTTLS':
        if (!this.#say(wire, session, 'STARTTLS', line)) return true;
        wire.startTls(this.#certificate);
        session.secure = true;
        return true;
      case 'AUTH':
        return await this.#signIn(wire, session, line);
      case 'MAIL':
        session.recipients = [];
        session.sender = /<(.*)>/.exec(line)?.[1] ?? '';
        this.#say(wire, session, 'MAIL', line);
        return true;
      case 'RCPT':
        if (this.#say(wire, session, 'RCPT', line)) session.recipients.push(/<(.*)>/.exec(line)?.[1] ?? '');
        return true;
      case 'DATA':
        return await this.#message(wire, session);
      case 'RSET':
      case 'NOOP':
        wire.say(['250 2.0.0 OK']);
        return true;
      case 'QUIT':
        wire.say(['221 2.0.0 closing connection']);
        wire.end();
        return false;
      default:
        wire.say(this.#rules.usual.unknown);
        return true;
    }
  }

  #ehlo(wire: ProviderWire, session: ProviderSession): boolean {
    const lines = [this.#rules.name, ...this.#rules.keywords(session)];
    const usual = lines.map((line, index) => `250${index < lines.length - 1 ? '-' : ' '}${line}`);
    wire.say(this.#answer('EHLO', session, '') ?? usual);
    return true;
  }

  async #message(wire: ProviderWire, session: ProviderSession): Promise<boolean> {
    if (!this.#say(wire, session, 'DATA', '')) return true;
    const text = await wire.message();
    if (text === undefined) return false;
    const { user, sender, recipients } = session;
    if (this.#say(wire, session, 'end', text)) this.accepted.push({ user, sender, recipients, text });
    return true;
  }

  async #signIn(wire: ProviderWire, session: ProviderSession, line: string): Promise<boolean> {
    const [, name = '', initial] = line.split(' ');
    const mechanism = this.#rules.mechanisms[name.toUpperCase()];
    const forced = this.#answer('AUTH', session, line);
    const ask = async (challenge: string): Promise<string> => {
      wire.say([`334 ${challenge}`]);
      return Buffer.from((await wire.line()) ?? '', 'base64').toString();
    };
    const exchange = { initial: initial && Buffer.from(initial, 'base64').toString(), ask };
    const outcome = mechanism ? await mechanism(exchange) : { no: this.#rules.usual.unknown };
    const lines = forced ?? ('no' in outcome ? outcome.no : outcome.lines);
    if ('user' in outcome && lines[0]?.startsWith('235')) session.user = outcome.user;
    this.signIns.push(`${name} ${lines[0]?.slice(0, 3)}`);
    wire.say(lines);
    return true;
  }

  /** True where the answer is a yes. */
  #say(
    wire: ProviderWire,
    session: ProviderSession,
    step: Exclude<ProviderStep, 'EHLO' | 'AUTH'>,
    text: string,
  ): boolean {
    const lines = this.#answer(step, session, text) ?? this.#rules.usual[step];
    wire.say(lines);
    return /^[23]/.test(lines[0] ?? '');
  }

  #answer(step: ProviderStep, session: ProviderSession, text: string): Lines | undefined {
    const forced = this.#forced.find((each) => each.step === step && each.times > 0);
    if (!forced) return this.#rules.judge(step, session, text);
    forced.times -= 1;
    return forced.lines;
  }
}

/** A refusal that a provider documents, or that was seen of it. */
export interface ProviderRefusal {
  /** Where it may come; documentation seldom says. */
  readonly steps: readonly ProviderStep[];
  readonly lines: Lines;
}

export async function startProvider(rules: ProviderRules): Promise<ProviderServer> {
  const server = new ProviderServer(rules, await testCertificate());
  await server.open();
  return server;
}
