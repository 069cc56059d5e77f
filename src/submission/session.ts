// Owns one client's session: its state, the order of commands, its limits. Each command is a line of one table.

import { principalName } from '../principal.ts';
import { isRefusal, type Refusal, type RefusalCode, refuse } from '../refusal.ts';
import type { Reply } from '../relay/reply.ts';
import type { MechanismName } from '../sasl/mechanism.ts';
import type { Door, Wire } from './door.ts';
import { extensionLines } from './extensions.ts';
import { Patience } from './patience.ts';
import type { LiveSession } from './registry.ts';
import { ownReply, replyTo } from './replies.ts';
import { type Accepted, readAuthCommand, SignIn, type SignInStep } from './sign-in.ts';
import { Transaction } from './transaction.ts';
import { type Holder, Trust } from './trust.ts';
import type { LineFault } from './wire.ts';

/** AUTH line and continuation: RFC 4954 §4 names 12,288 as sufficient; tokens of 16 KiB are 22 KiB in base64. */
export const MAX_SASL_LINE = 32_768;
/** Any other command: RFC 5321 §4.5.3.1.4 with room for the extensions' parameters. */
const MAX_COMMAND_LINE = 4096;

type Verb = (line: string) => Promise<Outcome> | Outcome;
type Outcome = Reply | Refusal | undefined;

export class Session implements Holder {
  readonly #door: Door;
  readonly #wire: Wire;
  readonly since: number;
  readonly #started = performance.now();
  #clientName: string | undefined;
  #extended = false;
  #trust: Trust | undefined;
  #signIn: SignIn | undefined;
  #mechanism: MechanismName | undefined;
  #transaction: Transaction | undefined;
  messages = 0;
  /** Why the session ends as soon as nothing is in hand. */
  #ending: RefusalCode | undefined;
  /** True while a command is being answered. */
  #asking = false;
  #over = false;
  readonly #patience: Patience;

  constructor(door: Door, wire: Wire) {
    this.#door = door;
    this.#wire = wire;
    this.#patience = new Patience(door.settings);
    this.since = door.now();
  }

  /** What a client may say before it has signed in, and after. Everything else is refused with 530 until then. */
  readonly #beforeLogin: Record<string, Verb> = {
    EHLO: (line) => this.#hello(line, true),
    HELO: (line) => this.#hello(line, false),
    STARTTLS: (line) => this.#startTls(line),
    AUTH: (line) => this.#authenticate(line),
    NOOP: () => ownReply(250, '0.0', 'OK'),
    RSET: () => this.#abandon() ?? ownReply(250, '0.0', 'OK'),
    QUIT: () => this.#quit(),
  };

  readonly #afterLogin: Record<string, Verb> = {
    MAIL: (line) => this.#mail(line),
    RCPT: (line) => this.#recipient(line),
    DATA: (line) => this.#data(line),
    VRFY: () => ownReply(252, '1.5', 'Cannot verify, but will take a message and try'),
    HELP: () => ownReply(214, '0.0', 'RFC 6409 mail submission; sign in with an OAuth access token'),
    EXPN: () => refuse('command-not-implemented', 'EXPN'),
    BDAT: () => refuse('command-not-implemented', 'BDAT'),
  };

  get state(): LiveSession['state'] {
    if (!this.#transaction) return this.#asking ? 'in-transaction' : 'idle';
    return this.#transaction.receiving ? 'in-message' : 'in-transaction';
  }

  greet(): void {
    this.#wire.reply({ code: 220, lines: [`${this.#door.settings.hostname} ESMTP Postern`] });
  }

  /** One command line, or one line of a SASL exchange. Resolves when it is answered. */
  async take(bytes: Buffer): Promise<void> {
    if (this.#trust?.ended) return this.end(this.#trust.ended);
    const line = bytes.toString('utf8');
    if (this.#signIn) return this.#signInStep(await this.#signIn.receive(line));
    const verb = /^[A-Za-z]*/.exec(line)?.[0].toUpperCase() ?? '';
    const outcome =
      bytes.length > MAX_COMMAND_LINE && verb !== 'AUTH' ? 'command-too-long' : this.#permit(verb, line);
    if (typeof outcome === 'string') return this.#answer(refuse(outcome, `command ${verb.slice(0, 16)}`));
    const answer = await this.#ask(outcome, line);
    // Trust ended while the upstream was asked: nobody is told of a yes that no longer counts.
    if (this.#trust?.ended && this.state !== 'in-message') return this.end(this.#trust.ended);
    this.#answer(answer);
  }

  async #ask(verb: Verb, line: string): Promise<Outcome> {
    this.#asking = true;
    try {
      return await verb(line);
    } finally {
      this.#asking = false;
    }
  }

  /** A line that cannot be read as a command. */
  reject(fault: LineFault): void {
    const sasl = this.#signIn !== undefined || /^auth /i.test(fault.head.toString('latin1'));
    this.#signIn = undefined;
    if (fault.kind === 'bare-line-ending')
      return this.#answer(refuse('command-line-ending', 'bare CR or LF'));
    this.#answer(
      refuse(sasl ? 'sasl-line-too-long' : 'command-too-long', `more than ${MAX_SASL_LINE} bytes`),
    );
  }

  /** The TLS handshake is done: nothing said before it counts (RFC 3207 §4.2). */
  secured(): void {
    this.#clientName = undefined;
    this.#extended = false;
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
    if (!this.#transaction) this.end('shutting-down');
  }

  interrupt(refusal: Refusal): boolean {
    return this.#transaction?.interrupt(refusal) ?? false;
  }

  /** The connection is closed. */
  closed(cause: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#trust?.close();
    this.#transaction?.abandon();
    this.#transaction = undefined;
    this.#door.audit.sessionClosed({
      session: this.#wire.id,
      peer: this.#wire.peer,
      ...(this.#trust ? { user: principalName(this.#trust.principal) } : {}),
      milliseconds: Math.round(performance.now() - this.#started),
      messages: this.messages,
      cause,
    });
  }

  /** The command's function, or why it may not run now. */
  #permit(verb: string, line: string): Verb | RefusalCode {
    // A message to many is no chatter: the transaction counts its recipients itself.
    const counted = verb !== 'RCPT' || !this.#transaction;
    if (counted && !this.#patience.admitsCommand()) return 'too-many-commands';
    const before = own(this.#beforeLogin, verb);
    if (before) return before;
    const after = own(this.#afterLogin, verb);
    // A browser made to speak to this port by a page (cross-protocol scripting).
    if (!after && / HTTP\/[0-9.]+$/.test(line)) return 'too-many-commands';
    if (!after) return 'command-unknown';
    if (!this.#wire.secure) return 'tls-required';
    return this.#trust ? after : 'login-required';
  }

  #answer(outcome: Outcome): void {
    if (outcome === undefined || this.#over) return;
    const reply = isRefusal(outcome) ? replyTo(outcome, this.#wire.id) : outcome;
    this.#wire.reply(reply);
    if (reply.code === 421)
      return this.#wire.hangUp(isRefusal(outcome) ? outcome.code : 'closed by the upstream');
    // The upstream's no is its word on a sender or recipient, not an error of the client's.
    if (!this.#patience.admitsReply(isRefusal(outcome) ? reply.code : 0)) this.end('too-many-commands');
  }

  #hello(line: string, extended: boolean): Outcome {
    const name = /^(?:EHLO|HELO) +([!-~]{1,255}) *$/i.exec(line)?.[1];
    if (!name) return refuse('command-syntax', 'expected EHLO and a host name');
    this.#abandon();
    this.#clientName = name;
    this.#extended = extended;
    const { settings, relay } = this.#door;
    const offer = {
      settings,
      capabilities: relay.capabilities(),
      secure: this.#wire.secure,
      signedIn: Boolean(this.#trust),
    };
    return { code: 250, lines: [settings.hostname, ...(extended ? extensionLines(offer) : [])] };
  }

  #startTls(line: string): Outcome {
    if (!/^STARTTLS *$/i.test(line)) return refuse('command-syntax', 'STARTTLS takes no parameter');
    if (this.#wire.secure) return refuse('command-order', 'TLS is already active');
    this.#wire.reply(ownReply(220, '0.0', 'Ready to start TLS'));
    this.#wire.startTls();
    return undefined;
  }

  async #authenticate(line: string): Promise<Outcome> {
    if (!this.#wire.secure) return refuse('tls-required', 'AUTH in clear text');
    if (this.#trust) return refuse('login-twice', 'AUTH after AUTH');
    if (!this.#extended) return refuse('command-order', 'AUTH before EHLO');
    const command = readAuthCommand(line, this.#door.settings.mechanisms);
    if (isRefusal(command)) return command;
    this.#mechanism = command.mechanism;
    this.#signIn = new SignIn({ door: this.#door, wire: this.#wire, mechanism: command.mechanism });
    this.#signInStep(await this.#signIn.start(command.initialResponse));
    return undefined;
  }

  #signInStep(step: SignInStep): void {
    if (step.state !== 'open') this.#signIn = undefined;
    if (step.state === 'accepted') {
      this.#patience.signedIn();
      this.#wire.signedIn();
      this.#wire.reply(step.reply);
      return this.#enter(step);
    }
    if (step.state !== 'failed') return this.#wire.reply(step.reply);
    this.#answer(step.reply);
    if (step.countsAsFailure && !this.#patience.admitsFailure()) this.end('too-many-failures');
  }

  #enter({ principal, recheck }: Accepted): void {
    if (this.#over || !this.#mechanism) return;
    const own = { door: this.#door, wire: this.#wire, mechanism: this.#mechanism };
    this.#trust = new Trust({ ...own, principal, recheck, holder: this });
    this.#trust.begin();
  }

  async #mail(line: string): Promise<Outcome> {
    const { settings, now, leeway } = this.#door;
    const principal = this.#trust?.principal;
    if (!this.#clientName || !principal) return refuse('command-order', 'MAIL before EHLO');
    if (this.#transaction) return refuse('command-order', 'MAIL within a transaction');
    if (principal.expiresAt * 1000 + leeway < now())
      return refuse('session-expired', 'token expired during the session');
    if (performance.now() - this.#started > settings.maxSession)
      return refuse('session-too-long', 'maxSession is over');
    const { verdict, transaction } = await Transaction.begin(line, {
      door: this.#door,
      wire: this.#wire,
      principal,
      clientName: this.#clientName,
      number: this.messages + 1,
    });
    if (this.#over || this.#trust?.ended) transaction?.abandon();
    else this.#transaction = transaction;
    return verdict;
  }

  async #recipient(line: string): Promise<Outcome> {
    if (!this.#transaction) return refuse('command-order', 'RCPT without MAIL');
    return this.#transaction.recipient(line);
  }

  #data(line: string): Outcome {
    if (!this.#transaction) return refuse('command-order', 'DATA without MAIL');
    if (!/^DATA *$/i.test(line)) return refuse('command-syntax', 'DATA takes no parameter');
    const refusal = this.#transaction.mayHaveData();
    if (refusal) return refusal;
    this.#transaction.receive((verdict) => this.#messageEnded(verdict));
    return { code: 354, lines: ['End data with <CR><LF>.<CR><LF>'] };
  }

  #messageEnded(verdict: Reply | Refusal): void {
    this.#transaction = undefined;
    this.#patience.begunAnew();
    if (!isRefusal(verdict) && verdict.code < 300) this.messages += 1;
    this.#answer(verdict);
    const ending = this.#trust?.ended ?? this.#ending;
    if (ending) this.end(ending);
  }

  #quit(): undefined {
    this.#wire.reply(ownReply(221, '0.0', `${this.#door.settings.hostname} closing connection`));
    this.#wire.hangUp('quit');
  }

  #abandon(): undefined {
    this.#transaction?.abandon();
    this.#transaction = undefined;
    if (this.#ending) this.end(this.#ending);
  }
}

const own = (table: Record<string, Verb>, verb: string): Verb | undefined =>
  Object.hasOwn(table, verb) ? table[verb] : undefined;
