// One caller of the measurements with hostile clients: an SMTP client that can stop at any step, and whose every wait ends.

import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { initialResponse } from './client.ts';

/** Whom the callers call, and as whom. */
export interface Victim {
  readonly starttls: number;
  readonly implicit: number;
  readonly ca: string;
  readonly user: string;
  /** A good one. */
  readonly token: string;
}

export interface CallerOptions {
  readonly by: 'starttls' | 'implicit';
  /** Source address on loopback. */
  readonly from?: string;
  /** Never closes its side by itself, though the server has closed its own. */
  readonly stays?: true;
  /** Milliseconds waited before each step, as of one who calls from far away. */
  readonly roundTrip?: number;
}

/** How far a caller gets by itself, each step after the one before. */
export const STAGES = [
  'connected',
  'greeted',
  'secured',
  'welcomed',
  'signed-in',
  'in-envelope',
  'in-message',
] as const;
export type Stage = (typeof STAGES)[number];

/** Milliseconds for any answer. */
const PATIENCE = 20_000;

export class Caller {
  socket: Socket;
  /** The TCP connection, which lies below the other where that one is TLS. */
  readonly #plain: Socket;
  /** True once nothing more can come. */
  ended = false;
  #text = '';
  #wake: () => void = () => undefined;
  readonly #victim: Victim;
  readonly #options: CallerOptions;

  constructor(victim: Victim, options: CallerOptions) {
    this.#victim = victim;
    this.#options = options;
    this.#plain = connectTcp({
      host: '127.0.0.1',
      port: victim[options.by],
      allowHalfOpen: options.stays === true,
      ...(options.from === undefined ? {} : { localAddress: options.from }),
    });
    this.socket = this.#plain.setNoDelay(true);
    this.#attach(this.socket);
  }

  /** Goes on to this stage, once. @throws Error where it is told anything but yes on the way */
  async reach(stage: Stage): Promise<this> {
    const upTo = STAGES.indexOf(stage);
    const steps: (() => Promise<unknown>)[] = [
      () => this.#until(() => !this.socket.connecting || this.ended),
      async () => this.#options.by === 'starttls' && (await this.expect(220)),
      () => this.#secure(),
      () => this.command('EHLO client.example.org', 250),
      () => this.command(`AUTH XOAUTH2 ${initialResponse(this.#victim)}`, 235),
      async () => {
        await this.command(`MAIL FROM:<${this.#victim.user}>`, 250);
        await this.command('RCPT TO:<bob@example.org>', 250);
      },
      () => this.command('DATA', 354),
    ];
    for (const step of steps.slice(0, upTo + 1)) await step();
    return this;
  }

  async command(line: string, expected: number): Promise<string> {
    await this.#travel();
    this.socket.write(`${line}\r\n`);
    return this.expect(expected);
  }

  /** The next reply's last line. @throws Error where its code is another, or where none comes */
  async expect(code: number): Promise<string> {
    const line = await this.reply();
    if (!line.startsWith(String(code))) throw new Error(`expected ${code}, got ${line}`);
    return line;
  }

  async reply(): Promise<string> {
    const last = /^\d{3} .*\r\n/m;
    await this.#until(() => this.ended || last.test(this.#text));
    const found = last.exec(this.#text);
    if (!found) throw new Error('the server closed the connection');
    this.#text = this.#text.slice(found.index + found[0].length);
    return found[0].trimEnd();
  }

  /** From now on what the server says stays where it is. */
  stopReading(): void {
    this.socket.removeAllListeners('data').pause();
  }

  /** Vanishes with a TCP reset, under TLS too. */
  reset(): void {
    this.#plain.resetAndDestroy();
  }

  /** Says no more, by a TCP FIN, and goes on listening. */
  halfClose(): void {
    this.#plain.end();
  }

  hangUp(): void {
    this.socket.destroy();
  }

  async #secure(): Promise<void> {
    if (this.#options.by === 'starttls') {
      await this.command('EHLO client.example.org', 250);
      await this.command('STARTTLS', 220);
    }
    await this.#travel();
    this.#plain.removeAllListeners('data');
    const secure = connectTls({
      socket: this.#plain,
      servername: 'localhost',
      ca: this.#victim.ca,
    });
    this.#attach(secure);
    this.socket = secure;
    let secured = false;
    secure.once('secureConnect', () => {
      secured = true;
      this.#wake();
    });
    await this.#until(() => secured || this.ended);
    if (!secured) throw new Error('the server closed the connection in the handshake');
    if (this.#options.by === 'implicit') await this.expect(220);
  }

  async #travel(): Promise<void> {
    const { roundTrip } = this.#options;
    if (roundTrip !== undefined) await delay(roundTrip);
  }

  #attach(socket: Socket): void {
    const end = (): void => {
      this.ended = true;
      this.#wake();
    };
    socket.on('data', (bytes: Buffer) => {
      this.#text += bytes.toString('latin1');
      this.#wake();
    });
    socket.on('connect', () => this.#wake());
    for (const event of ['end', 'close', 'error']) socket.on(event, end);
  }

  async #until(ready: () => boolean): Promise<void> {
    if (ready()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = setTimeout(() => reject(new Error(`no answer within ${PATIENCE} ms`)), PATIENCE);
    this.#wake = () => ready() && resolve();
    await promise.finally(() => clearTimeout(late));
  }
}
