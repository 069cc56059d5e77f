// A raw SMTP client for tests: sends exactly the bytes it is given, reads line by line, forgives nothing.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';

export interface SmtpClientOptions {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte; otherwise plaintext until {@link SmtpClient.startTls}. */
  readonly implicitTls: boolean;
  /** The client's own address, of those of this machine. */
  readonly from?: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** PEM texts of what the client shows when it is asked for a certificate. */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string };
  /** Longest wait for anything the server owes, in milliseconds. */
  readonly timeLimit?: number;
}

/** What a read can end with when there is no line: the server closed, or stayed silent. */
export class NoReply extends Error {
  override readonly name = 'NoReply';
}

export async function connectSmtp(options: SmtpClientOptions): Promise<SmtpClient> {
  const { port, ca } = options;
  const at = {
    host: options.host,
    port,
    ...(options.from === undefined ? {} : { localAddress: options.from }),
  };
  const socket = options.implicitTls
    ? connectTls({ ...at, ca, ...shown(options), servername: 'localhost' })
    : connect(at);
  await once(socket, options.implicitTls ? 'secureConnect' : 'connect');
  return new SmtpClient(socket, options);
}

function shown({ clientCertificate }: SmtpClientOptions): { cert?: string; key?: string } {
  return clientCertificate ? { cert: clientCertificate.certificate, key: clientCertificate.key } : {};
}

/** One connection to a submission listener. */
export class SmtpClient {
  #socket: Socket;
  #buffer = '';
  #ended = false;
  #wake: () => void = () => {};
  readonly #protection: { ca: string; cert?: string; key?: string };
  readonly #timeLimit: number;

  constructor(socket: Socket, options: SmtpClientOptions) {
    this.#protection = { ca: options.ca, ...shown(options) };
    this.#timeLimit = options.timeLimit ?? 20_000;
    this.#socket = socket;
    this.#attach(socket);
  }

  #attach(socket: Socket): void {
    this.#socket = socket.setNoDelay(true);
    const end = () => {
      if (this.#socket !== socket) return;
      this.#ended = true;
      this.#wake();
    };
    socket.on('data', this.#receive);
    for (const event of ['end', 'close', 'error']) socket.on(event, end);
  }

  readonly #receive = (bytes: Buffer): void => {
    this.#buffer += bytes.toString('latin1');
    this.#wake();
  };

  /** Whether the server has closed its side (or the connection broke). */
  get ended(): boolean {
    return this.#ended;
  }

  /** What has been received and not read yet. */
  get unread(): string {
    return this.#buffer;
  }

  /** Sends bytes in one write: one TCP segment or TLS record if they are few. Text is latin1. */
  async write(bytes: string | Buffer): Promise<void> {
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    // A server that has hung up is noticed at the next read, not here.
    await new Promise<void>((resolve) => this.#socket.write(buffer, () => resolve()));
  }

  /** Sends each part by itself, so that the server reads them one by one. */
  async writeParts(parts: Iterable<string | Buffer>): Promise<void> {
    for (const part of parts) {
      await this.write(part);
      await nextTurn();
    }
  }

  /** Sends one command with its CRLF and reads the whole reply. */
  async command(line: string): Promise<string[]> {
    await this.write(`${line}\r\n`);
    return await this.readReply();
  }

  /** One line of the server without its CRLF. */
  async readLine(): Promise<string> {
    await this.#until(() => this.#buffer.includes('\n') || this.#ended, 'a line');
    const end = this.#buffer.indexOf('\n');
    if (end === -1)
      throw new NoReply(`the server closed the connection; unread: ${JSON.stringify(this.#buffer)}`);
    const line = this.#buffer.slice(0, end + 1);
    this.#buffer = this.#buffer.slice(end + 1);
    if (!/^[^\r\n\0]*\r\n$/.test(line)) throw new Error(`malformed reply line ${JSON.stringify(line)}`);
    return line.slice(0, -2);
  }

  /** Every line of one reply (RFC 5321 §4.2.1: the code is repeated, the last line has a space after it). */
  async readReply(): Promise<string[]> {
    const lines: string[] = [];
    do lines.push(await this.readLine());
    while (/^\d{3}-/.test(lines.at(-1) ?? ''));
    const codes = new Set(lines.map((line) => line.slice(0, 3)));
    if (codes.size !== 1) throw new Error(`one reply with several codes: ${JSON.stringify(lines)}`);
    return lines;
  }

  /** The server must close the connection without another byte. */
  async readEnd(): Promise<void> {
    await this.#until(() => this.#ended || this.#buffer !== '', 'the end of the connection');
    if (this.#buffer !== '') throw new Error(`expected the end, got ${JSON.stringify(this.#buffer)}`);
  }

  /** TLS handshake after `220` to STARTTLS; the certificate must be good for `localhost`. */
  async startTls(): Promise<void> {
    if (this.#buffer !== '')
      throw new Error(`plaintext after the reply to STARTTLS: ${JSON.stringify(this.#buffer)}`);
    const plain = this.#socket;
    plain.off('data', this.#receive);
    const secure = connectTls({ socket: plain, ...this.#protection, servername: 'localhost' });
    const limit = setTimeout(() => secure.destroy(new NoReply('no TLS handshake in time')), this.#timeLimit);
    try {
      await once(secure, 'secureConnect');
    } finally {
      clearTimeout(limit);
    }
    this.#attach(secure);
  }

  /** From now on takes nothing that the server sends: its replies fill the buffers on the way. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Vanishes: no QUIT, no TLS farewell. */
  destroy(): void {
    this.#socket.destroy();
  }

  async #until(ready: () => boolean, awaited: string): Promise<void> {
    if (ready()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const limit = setTimeout(
      () =>
        reject(
          new NoReply(`waited ${this.#timeLimit} ms for ${awaited}; unread: ${JSON.stringify(this.#buffer)}`),
        ),
      this.#timeLimit,
    );
    this.#wake = () => {
      if (ready()) resolve();
    };
    await promise.finally(() => clearTimeout(limit));
  }
}
