// One connection of the scripted upstream: reads commands and messages off the wire and writes down all of it.

import type { Socket } from 'node:net';
import { TLSSocket, type TlsOptions } from 'node:tls';
import type { TestCertificate } from './certificates.ts';
import {
  hangUp,
  reply,
  type UpstreamAnswer,
  type UpstreamScript,
  type UpstreamStep,
} from './upstream-script.ts';

/** One message as it stood on the wire between Postern and the upstream. */
export class UpstreamMessage {
  /** What stood after `MAIL FROM:`, with the parameters. */
  readonly mailFrom: string;
  /** What stood after each accepted `RCPT TO:`, with the parameters. */
  readonly recipients: readonly string[];
  /** Who was signed in, where AUTH was used. */
  readonly user: string | undefined;
  /** Whether the final dot, or the chunk with LAST, came. */
  complete = false;
  /** Whether the answer to that was 250. */
  accepted = false;
  /** Exactly as it came, by DATA dots stuffed and without the final dot; latin1. */
  text = '';
  /** The size of each chunk, where it came by BDAT. */
  readonly chunks: number[] = [];

  constructor(mailFrom: string, recipients: readonly string[], user: string | undefined) {
    this.mailFrom = mailFrom;
    this.recipients = recipients;
    this.user = user;
  }

  /** The bytes as they stood on the wire, dots stuffed. */
  get wire(): Buffer {
    return Buffer.from(this.text, 'latin1');
  }

  /** The message itself: dots unstuffed (RFC 5321 §4.5.2). */
  get data(): Buffer {
    if (this.chunks.length > 0) return this.wire;
    return Buffer.from(this.text.replaceAll(/(^|\r\n)\./g, '$1'), 'latin1');
  }
}

/**
 * By name, in upper case: what is answered to the lines that the client has sent in this exchange, base64 as they came; none after
 * a bare `AUTH NAME`. The exchange goes on while the answer begins with 334, and is won with 235.
 */
export type UpstreamMechanisms = Readonly<
  Record<string, (lines: readonly string[], session: UpstreamSession) => UpstreamAnswer>
>;

export interface UpstreamSessionOptions {
  readonly script: UpstreamScript;
  readonly keywords: readonly string[];
  readonly tls: 'none' | 'starttls' | 'implicit';
  readonly certificate: TestCertificate;
  readonly login: { readonly user: string; readonly password: string } | undefined;
  /** What TLS is like besides: client certificates, versions. */
  readonly tlsOptions?: TlsOptions | undefined;
  /** Mechanisms offered in clear text too, in place of those of `login`. */
  readonly mechanisms?: UpstreamMechanisms | undefined;
  /**
   * `strict`: only CRLF.CRLF ends a message, only CRLF a command.
   * `gullible`: as the worst MTA of the smuggling attacks (CVE-2023-51764 and kin): any of CR, LF, CRLF is a line end.
   */
  readonly lineEndings: 'strict' | 'gullible';
  readonly onEvent: () => void;
}

const MESSAGE_END = {
  strict: /\r\n\.\r\n/,
  gullible: /(?:\r\n|\r|\n)\0?\.\0?(?:\r\n|\r|\n)/,
};
const COMMAND_END = { strict: /\r\n/, gullible: /\r\n|\r|\n/ };
/** Longest spelling of a message's end, less one: what of the past must be looked at again with the next bytes. */
const LOOK_BACK = 6;

/** A connection, open or over. */
export class UpstreamSession {
  readonly commands: string[] = [];
  /** Lines that were no commands but answers within a scripted AUTH. */
  readonly exchanged: string[] = [];
  readonly messages: UpstreamMessage[] = [];
  closed = false;
  secure: boolean;
  user: string | undefined;

  #socket: Socket;
  /** What TLS, where there is any, goes over. */
  readonly #plain: Socket;
  readonly #received: Buffer[] = [];
  #pending = '';
  #tail = '';
  #busy = false;
  #mailFrom: string | undefined;
  #recipients: string[] = [];
  #inData: UpstreamMessage | undefined;
  /** The message whose chunks are coming. */
  #chunked: UpstreamMessage | undefined;
  #chunk: { readonly line: string; readonly last: boolean; left: number } | undefined;
  #bodyActed = false;
  #loginLines: string[] | undefined;
  #impersonated = false;
  #exchange: ((line: string) => Promise<void>) | undefined;
  readonly #options: UpstreamSessionOptions;

  constructor(socket: Socket, options: UpstreamSessionOptions) {
    this.#options = options;
    this.secure = options.tls === 'implicit';
    this.#socket = socket;
    this.#plain = socket;
    this.#attach(socket);
    void this.#act('greeting', '', reply('220 upstream.example ESMTP'));
  }

  /** Every byte received, in order (after decryption). */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** The name the client asked for in the TLS handshake (SNI), and the subject of the certificate it showed. */
  get handshake(): { serverName: string | undefined; client: string | undefined } {
    const { servername, getPeerCertificate } = this.#socket as Partial<TLSSocket>;
    const subject = getPeerCertificate?.call(this.#socket)?.subject?.CN;
    return {
      serverName: typeof servername === 'string' ? servername : undefined,
      client: Array.isArray(subject) ? subject.join() : subject,
    };
  }

  /** Breaks the connection from the upstream's side. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Breaks it with RST. */
  reset(): void {
    this.#plain.resetAndDestroy();
  }

  /** Speaks without being asked. */
  say(bytes: string): void {
    this.#socket.write(bytes, 'latin1');
  }

  /** Ends it as a server does that has had enough of an idle client. */
  hangUp(): void {
    this.#socket.destroySoon();
  }

  /** Whether a message has begun and neither its end nor the end of the connection has come. */
  get inMessage(): boolean {
    return (this.#inData ?? this.#chunked) !== undefined && !this.closed;
  }

  #attach(socket: Socket): void {
    this.#socket = socket.setNoDelay(true);
    socket.on('data', this.#receive);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.closed = true;
      this.#options.onEvent();
    });
  }

  readonly #receive = (bytes: Buffer): void => {
    this.#received.push(bytes);
    this.#pending += bytes.toString('latin1');
    void this.#advance();
    this.#options.onEvent();
  };

  // One step at a time, in order, however much the other side has pipelined.
  async #advance(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (!this.closed && (await this.#step()));
    this.#busy = false;
    this.#options.onEvent();
  }

  async #step(): Promise<boolean> {
    if (this.#inData) return await this.#readMessage(this.#inData);
    if (this.#chunk) return await this.#readChunk(this.#chunk);
    const end = COMMAND_END[this.#options.lineEndings].exec(this.#pending);
    if (!end) return false;
    const line = this.#pending.slice(0, end.index);
    this.#pending = this.#pending.slice(end.index + end[0].length);
    if (this.#loginLines) return await this.#readLogin(line, this.#loginLines);
    if (this.#exchange) {
      this.exchanged.push(line);
      await this.#exchange(line);
      return true;
    }
    if (line === '' && this.#options.lineEndings === 'gullible') return true;
    this.commands.push(line);
    await this.#command(line);
    return true;
  }

  async #command(line: string): Promise<unknown> {
    const verb = (/^[A-Za-z]*/.exec(line)?.[0] ?? '').toUpperCase();
    if (verb === 'EHLO' || verb === 'HELO') return await this.#act('EHLO', line, this.#ehlo());
    if (verb === 'STARTTLS') return await this.#startTls(line);
    if (verb === 'AUTH') return await this.#login(line);
    if (verb === 'XCLIENT') return await this.#xclient(line);
    if (verb === 'XFORWARD') return await this.#act('XFORWARD', line, reply('250 2.0.0 ok'));
    if (verb === 'MAIL') return await this.#mail(line);
    if (verb === 'RCPT') return await this.#recipient(line);
    if (verb === 'DATA') return await this.#data(line);
    if (verb === 'BDAT') return await this.#bdat(line);
    if (verb === 'RSET') {
      this.#forget();
      return await this.#act('RSET', line, reply('250 2.0.0 reset'));
    }
    if (verb === 'NOOP') return await this.#act('NOOP', line, reply('250 2.0.0 ok'));
    if (verb === 'QUIT') return await this.#act('QUIT', line, hangUp('221 2.0.0 bye'));
    await this.#say(reply('500 5.5.1 unknown command'));
  }

  #ehlo(): UpstreamAnswer {
    this.#forget();
    const keywords = this.#options.keywords.filter((each) => !this.#impersonated || !/^XCLIENT\b/.test(each));
    if (this.#options.tls === 'starttls' && !this.secure) keywords.push('STARTTLS');
    const { mechanisms } = this.#options;
    if (mechanisms) keywords.push(`AUTH ${Object.keys(mechanisms).join(' ')}`);
    else if (this.#options.login && (this.secure || this.#options.tls === 'none'))
      keywords.push('AUTH PLAIN LOGIN');
    const lines = ['upstream.example', ...keywords];
    return reply(...lines.map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}`));
  }

  /** As Postfix: who has said whose connection this is, is from then on one who may not say it. */
  async #xclient(line: string): Promise<void> {
    const allowed = !this.#impersonated && this.#options.keywords.some((each) => /^XCLIENT\b/.test(each));
    const polite = allowed ? '220 upstream.example ESMTP' : '550 5.7.0 Error: insufficient authorization';
    const answer = await this.#act('XCLIENT', line, reply(polite));
    if (answer.bytes.startsWith('220')) this.#impersonated = / ADDR=/.test(line);
  }

  async #startTls(line: string): Promise<void> {
    const offered = this.#options.tls === 'starttls' && !this.secure;
    const answer = await this.#act('STARTTLS', line, reply(offered ? '220 2.0.0 go on' : '503 5.5.1 no'));
    if (!answer.bytes.startsWith('220')) return;
    this.secure = true;
    this.#pending = '';
    const plain = this.#socket;
    plain.off('data', this.#receive);
    const { certificate: cert, key } = this.#options.certificate;
    this.#attach(new TLSSocket(plain, { isServer: true, cert, key, ...this.#options.tlsOptions }));
  }

  async #login(line: string): Promise<unknown> {
    const [, mechanism = '', initial] = line.split(' ');
    const scripted = this.#options.mechanisms?.[mechanism.toUpperCase()];
    if (scripted) return await this.#proceed(scripted, initial === undefined ? [] : [initial]);
    if (/^plain$/i.test(mechanism) && initial !== undefined) return await this.#decideLogin(initial);
    if (/^login$/i.test(mechanism)) {
      this.#loginLines = [];
      return await this.#say(reply(`334 ${Buffer.from('Username:').toString('base64')}`));
    }
    await this.#say(reply('504 5.5.4 unknown mechanism'));
  }

  async #proceed(scripted: UpstreamMechanisms[string], lines: readonly string[]): Promise<void> {
    const answer = await this.#act('AUTH', lines.at(-1) ?? '', scripted(lines, this));
    this.#exchange = answer.bytes.startsWith('334')
      ? async (line) => await this.#proceed(scripted, [...lines, line])
      : undefined;
  }

  async #readLogin(line: string, lines: string[]): Promise<boolean> {
    lines.push(Buffer.from(line, 'base64').toString());
    if (lines.length === 1) {
      await this.#say(reply(`334 ${Buffer.from('Password:').toString('base64')}`));
      return true;
    }
    this.#loginLines = undefined;
    await this.#decideLogin(Buffer.from(`\0${lines.join('\0')}`).toString('base64'));
    return true;
  }

  async #decideLogin(response: string): Promise<void> {
    const [, user, password] = Buffer.from(response, 'base64').toString().split('\0');
    const { login } = this.#options;
    const right = login !== undefined && login.user === user && login.password === password;
    const polite = right ? '235 2.7.0 welcome' : '535 5.7.8 wrong';
    const answer = await this.#act('AUTH', user ?? '', reply(polite));
    if (answer.bytes.startsWith('235')) this.user = user;
  }

  async #mail(line: string): Promise<unknown> {
    if (this.#mailFrom !== undefined) return await this.#say(reply('503 5.5.1 nested MAIL'));
    const answer = await this.#act('MAIL', line, reply('250 2.1.0 sender ok'));
    if (answer.bytes.startsWith('250')) this.#mailFrom = line.slice('MAIL FROM:'.length);
  }

  async #recipient(line: string): Promise<unknown> {
    if (this.#mailFrom === undefined) return await this.#say(reply('503 5.5.1 MAIL first'));
    const answer = await this.#act('RCPT', line, reply('250 2.1.5 recipient ok'));
    if (answer.bytes.startsWith('25')) this.#recipients.push(line.slice('RCPT TO:'.length));
  }

  async #data(line: string): Promise<unknown> {
    if (this.#mailFrom === undefined) return await this.#say(reply('503 5.5.1 MAIL first'));
    if (this.#recipients.length === 0) return await this.#say(reply('554 5.5.1 no valid recipients'));
    const answer = await this.#act('DATA', line, reply('354 go ahead'));
    if (!answer.bytes.startsWith('354')) return;
    this.#inData = new UpstreamMessage(this.#mailFrom, this.#recipients, this.user);
    this.#bodyActed = false;
    // The first line of a message stands at the start of a line.
    this.#tail = '\r\n';
    this.messages.push(this.#inData);
  }

  async #bdat(line: string): Promise<unknown> {
    const [, size, last] = /^BDAT (\d+)( LAST)?$/.exec(line) ?? [];
    if (size === undefined) return await this.#say(hangUp('501 5.5.4 what size?'));
    if (this.#mailFrom === undefined || this.#recipients.length === 0)
      return await this.#say(hangUp('503 5.5.1 MAIL and RCPT first'));
    if (!this.#chunked) {
      this.#chunked = new UpstreamMessage(this.#mailFrom, this.#recipients, this.user);
      this.messages.push(this.#chunked);
    }
    this.#chunked.chunks.push(Number(size));
    this.#chunk = { line, last: last !== undefined, left: Number(size) };
  }

  async #readChunk(chunk: { readonly line: string; readonly last: boolean; left: number }): Promise<boolean> {
    const message = this.#chunked;
    if (!message) throw new Error('a chunk without its message');
    const octets = this.#pending.slice(0, chunk.left);
    message.text += octets;
    chunk.left -= octets.length;
    this.#pending = this.#pending.slice(octets.length);
    if (chunk.left > 0) return false;
    this.#chunk = undefined;
    if (!chunk.last) {
      await this.#act(
        'BDAT',
        `${chunk.line} ${message.text}`,
        reply(`250 2.0.0 ${chunk.line.slice(5)} octets`),
      );
      return true;
    }
    message.complete = true;
    this.#forget();
    const answer = await this.#act('end', message.text, reply(`250 2.0.0 queued as ${this.messages.length}`));
    message.accepted = answer.bytes.startsWith('250');
    return true;
  }

  async #readMessage(message: UpstreamMessage): Promise<boolean> {
    if (this.#pending === '') return false;
    const window = this.#tail + this.#pending;
    const before = message.text.length - this.#tail.length;
    message.text += this.#pending;
    const end = MESSAGE_END[this.#options.lineEndings].exec(window);
    this.#pending = end ? window.slice(end.index + end[0].length) : '';
    this.#tail = window.slice(-LOOK_BACK);
    if (end) message.text = message.text.slice(0, before + end.index + end[0].indexOf('.'));
    if (!this.#bodyActed) await this.#interrupt(message.text);
    if (!end) return false;
    message.complete = true;
    this.#inData = undefined;
    this.#forget();
    const answer = await this.#act('end', message.text, reply(`250 2.0.0 queued as ${this.messages.length}`));
    message.accepted = answer.bytes.startsWith('250');
    return true;
  }

  async #interrupt(text: string): Promise<void> {
    const answer = this.#options.script.answer('body', text);
    if (!answer) return;
    this.#bodyActed = true;
    await this.#say(answer);
  }

  async #act(step: UpstreamStep, text: string, polite: UpstreamAnswer): Promise<UpstreamAnswer> {
    const answer = this.#options.script.answer(step, text) ?? polite;
    await this.#say(answer);
    return answer;
  }

  async #say(answer: UpstreamAnswer): Promise<void> {
    this.#options.onEvent();
    answer.act?.();
    await answer.after;
    if (this.closed) return;
    if (answer.reset) return this.reset();
    if (answer.bytes !== '') this.#socket.write(answer.bytes, 'latin1');
    if (answer.hangUp) this.#socket.destroySoon();
  }

  #forget(): void {
    this.#mailFrom = undefined;
    this.#recipients = [];
    this.#chunked = undefined;
  }
}
