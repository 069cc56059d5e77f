// Owns one client's session: its state, the order of commands, its limits. Each command is a line of one table.

import { type Principal, principalName } from '../principal.ts';
import { isRefusal, type Refusal, type RefusalCode, refuse } from '../refusal.ts';
import type { Reply } from '../relay/connection/reply.ts';
import type { Origin } from '../relay/origin.ts';
import type { MechanismName } from '../sasl/mechanism.ts';
import type { Secret } from '../setting.ts';
import type { Recheck } from '../token/introspection/recheck.ts';
import { LoginCommands, type LoginHost } from './access/login-commands.ts';
import { enterByNetwork } from './access/network-access.ts';
import type { LiveSession } from './access/registry.ts';
import type { Accepted } from './access/sign-in.ts';
import { type Holder, Trust } from './access/trust.ts';
import { TRUSTED_NETWORK, type TrustedNetwork } from './access/trusted-networks.ts';
import { type CommandTable, type Outcome, permitted, type Verb, verbOf } from './command-table.ts';
import type { Door, Wire } from './door.ts';
import { Hello } from './hello.ts';
import { MailCommands, type MailHost, type Sender } from './mail-commands.ts';
import type { LineFault } from './message/wire.ts';
import { Patience } from './patience.ts';
import { ownReply, replyTo } from './replies.ts';

/** AUTH line and continuation: RFC 4954 §4 names 12,288 as sufficient; tokens of 16 KiB are 22 KiB in base64. */
export const MAX_SASL_LINE = 32_768;
/** Any other command: RFC 5321 §4.5.3.1.4 with room for the extensions' parameters. */
const MAX_COMMAND_LINE = 4096;

export class Session implements Holder, LoginHost, MailHost {
  readonly #door: Door;
  readonly #wire: Wire;
  readonly since: number;
  readonly started = performance.now();
  #trust: Trust | undefined;
  #network: TrustedNetwork | undefined;
  #token: Secret | undefined;
  /** Why the session ends as soon as nothing is in hand. */
  #ending: RefusalCode | undefined;
  /** True while a command is being answered. */
  #asking = false;
  #over = false;
  readonly #patience: Patience;
  readonly #hello: Hello;
  readonly #login: LoginCommands;
  readonly #mail: MailCommands;

  constructor(door: Door, wire: Wire) {
    this.#door = door;
    this.#wire = wire;
    this.#patience = new Patience(door.settings);
    this.since = door.now();
    this.#hello = new Hello({ door, wire });
    this.#login = new LoginCommands({ door, wire, host: this });
    this.#mail = new MailCommands({ door, wire, host: this });
  }

  readonly #table: CommandTable = {
    before: {
      EHLO: (line) => this.#greeted(line),
      HELO: (line) => this.#greeted(line),
      STARTTLS: (line) => this.#startTls(line),
      AUTH: (line) => this.#login.authenticate(line),
      NOOP: () => ownReply(250, '0.0', 'OK'),
      RSET: (line) => alone(line) ?? this.#abandon() ?? ownReply(250, '0.0', 'OK'),
      QUIT: () => this.#quit(),
    },
    after: {
      MAIL: (line) => this.#mail.mail(line),
      RCPT: (line) => this.#mail.recipient(line),
      DATA: (line) => this.#mail.data(line),
      BDAT: (line) => this.#mail.bdat(line),
      VRFY: (line) =>
        /^VRFY +[^ ]/i.test(line)
          ? ownReply(252, '1.5', 'Cannot verify, but will take a message and try')
          : refuse('command-syntax', 'expected VRFY and a name'),
      HELP: () => ownReply(214, '0.0', 'RFC 6409 mail submission; sign in with an OAuth access token'),
      EXPN: () => refuse('command-not-implemented', 'EXPN'),
    },
  };

  get state(): LiveSession['state'] {
    return this.#mail.state ?? (this.#asking ? 'in-transaction' : 'idle');
  }

  get messages(): number {
    return this.#mail.messages;
  }

  get signedIn(): boolean {
    return this.#trust !== undefined;
  }

  get extended(): boolean {
    return this.#hello.extended;
  }

  get chunking(): boolean {
    return this.#hello.chunking;
  }

  get gone(): boolean {
    return this.#over || this.#trust?.ended !== undefined;
  }

  get sender(): Sender | undefined {
    const principal = this.#trust?.principal;
    if (!principal || !this.#hello.name) return undefined;
    return { principal, clientName: this.#hello.name, network: this.#network, origin: this.origin };
  }

  get origin(): Origin {
    const { peer, peerPort, listener } = this.#wire;
    const { name, extended } = this.#hello;
    return {
      listener: listener.name ?? '',
      principal: this.#trust?.principal,
      client: { address: peer, port: peerPort, name, protocol: extended ? 'ESMTP' : 'SMTP' },
      token: this.#token,
    };
  }

  greet(): void {
    const network = enterByNetwork(this.#door, this.#wire);
    if (isRefusal(network)) {
      this.#wire.reply(replyTo(network, this.#wire.id));
      return this.#wire.hangUp(network.code);
    }
    if (network) this.#enter(network.principal, { mechanism: TRUSTED_NETWORK, recheck: undefined });
    this.#network = network;
    this.#wire.reply({ code: 220, lines: [`${this.#door.settings.hostname} ESMTP Postern`] });
  }

  /** One command line, or one line of a SASL exchange. Resolves when it is answered. */
  async take(bytes: Buffer): Promise<void> {
    if (this.#trust?.ended) return this.end(this.#trust.ended);
    const line = bytes.toString('utf8');
    if (this.#login.open) return this.#login.receive(line);
    const verb = verbOf(line);
    const outcome =
      bytes.length > MAX_COMMAND_LINE && verb !== 'AUTH' ? 'command-too-long' : this.#permit(verb, line);
    if (typeof outcome === 'string') return this.answer(this.#refused(outcome, line));
    const answer = await this.#ask(outcome, line);
    if (verb === 'AUTH' && isRefusal(answer)) this.#report(answer);
    // Trust ended while the upstream was asked: nobody is told of a yes that no longer counts.
    if (this.#trust?.ended && this.state !== 'in-message') return this.end(this.#trust.ended);
    this.answer(answer);
  }

  async #ask(verb: Verb, line: string): Promise<Outcome> {
    this.#asking = true;
    try {
      return await verb(line);
    } finally {
      this.#asking = false;
    }
  }

  #refused(code: RefusalCode, line: string): Outcome {
    const verb = verbOf(line);
    const refusal = refuse(code, `command ${verb.slice(0, 16)}`);
    this.#report(refusal);
    // Its octets come whatever it is told.
    return verb === 'BDAT' && code !== 'too-many-commands' ? this.#mail.refuseChunk(line, refusal) : refusal;
  }

  #report({ code, reason }: Refusal): void {
    this.#door.audit.commandRefused({ session: this.#wire.id, peer: this.#wire.peer, code, reason });
  }

  /** A line that cannot be read as a command. */
  reject(fault: LineFault): void {
    const verb = verbOf(fault.head.toString('latin1'));
    const sasl = this.#login.open || verb === 'AUTH';
    this.#login.drop();
    if (fault.kind === 'bare-line-ending') return this.answer(refuse('command-line-ending', 'bare CR or LF'));
    const reason = `more than ${MAX_SASL_LINE} bytes`;
    if (sasl) return this.answer(refuse('sasl-line-too-long', reason));
    // What follows are octets, nobody knows how many: read as commands they would be the sender's of the message.
    this.answer(refuse(verb === 'BDAT' ? 'chunk-size-unknown' : 'command-too-long', reason));
  }

  /** The TLS handshake is done: nothing said before it counts (RFC 3207 §4.2). */
  secured(): void {
    this.#hello.forget();
    this.#mail.abandon();
    this.#patience.begunAnew();
  }

  /** Ends the session with a 421; what is in flight at the upstream is cut off. */
  end(code: RefusalCode): void {
    if (this.#over) return;
    this.#wire.reply(replyTo(code, this.#wire.id));
    this.#wire.hangUp(code);
  }

  /** Postern stops: at once where no message is in hand, else when it is through. */
  drain(): void {
    this.#ending ??= 'shutting-down';
    if (!this.#mail.state) this.end('shutting-down');
  }

  interrupt(refusal: Refusal): boolean {
    return this.#mail.interrupt(refusal);
  }

  accepted({ principal, recheck, reply, token }: Accepted, mechanism: MechanismName): void {
    const user = `${principal.issuer} ${principal.subject}`;
    if (!this.#wire.signedIn(user, this.#door.settings.maxSessionsPerUser))
      return this.end('too-many-connections');
    this.#wire.reply(reply);
    this.#token = token;
    this.#enter(principal, { mechanism, recheck });
  }

  #enter(principal: Principal, by: { mechanism: string; recheck: Recheck | undefined }): void {
    if (this.#over) return;
    this.#patience.signedIn();
    this.#trust = new Trust({ door: this.#door, wire: this.#wire, ...by, principal, holder: this });
    this.#trust.begin();
  }

  failed(reply: Reply, countsAsFailure: boolean): void {
    this.answer(reply);
    if (countsAsFailure && !this.#patience.admitsFailure()) this.end('too-many-failures');
  }

  messageEnded(verdict: Reply | Refusal): void {
    this.#patience.begunAnew();
    this.answer(verdict);
    const ending = this.#trust?.ended ?? this.#ending;
    if (ending) this.end(ending);
  }

  /** The connection is closed. */
  closed(cause: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#trust?.close();
    this.#mail.abandon();
    this.#door.audit.sessionClosed({
      session: this.#wire.id,
      peer: this.#wire.peer,
      ...(this.#trust ? { user: principalName(this.#trust.principal) } : {}),
      milliseconds: Math.round(performance.now() - this.started),
      messages: this.messages,
      cause,
    });
  }

  answer(outcome: Outcome): void {
    if (outcome === undefined || this.#over) return;
    const reply = isRefusal(outcome) ? replyTo(outcome, this.#wire.id) : outcome;
    this.#wire.reply(reply);
    if (reply.code === 421)
      return this.#wire.hangUp(isRefusal(outcome) ? outcome.code : 'closed by the upstream');
    // The upstream's no is its word on a sender or recipient, not an error of the client's.
    if (!this.#patience.admitsReply(isRefusal(outcome) ? reply.code : 0)) this.end('too-many-commands');
  }

  /** The command's function, or why it may not run now. */
  #permit(verb: string, line: string): Verb | RefusalCode {
    // A message to many or of many chunks is no chatter: the transaction counts them itself.
    const counted = !this.#mail.state || (verb !== 'RCPT' && verb !== 'BDAT');
    if (counted && !this.#patience.admitsCommand()) return 'too-many-commands';
    // A server of a trusted network sends no token that clear text could give away.
    const inClear = this.#network !== undefined && this.#network.settings.requireTls !== true;
    const secure = this.#wire.secure || inClear;
    return permitted({ table: this.#table, verb, line, secure, signedIn: this.signedIn });
  }

  async #greeted(line: string): Promise<Outcome> {
    const outcome = await this.#hello.take(line, this);
    if (!isRefusal(outcome)) this.#abandon();
    return outcome;
  }

  #startTls(line: string): Outcome {
    if (!/^STARTTLS *$/i.test(line)) return refuse('command-syntax', 'STARTTLS takes no parameter');
    if (this.#wire.secure) return refuse('command-order', 'TLS is already active');
    this.#wire.reply(ownReply(220, '0.0', 'Ready to start TLS'));
    this.#wire.startTls();
    return undefined;
  }

  #quit(): undefined {
    this.#wire.reply(ownReply(221, '0.0', `${this.#door.settings.hostname} closing connection`));
    this.#wire.hangUp('quit');
  }

  #abandon(): undefined {
    this.#mail.abandon();
    if (this.#ending) this.end(this.#ending);
  }
}

/** RFC 5321 §4.1.1.5: RSET takes no parameter. */
function alone(line: string): Refusal | undefined {
  return /^[A-Z]+ *$/i.test(line) ? undefined : refuse('command-syntax', 'takes no parameter');
}
