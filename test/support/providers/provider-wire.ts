// The bytes between a scripted provider and its client: lines, messages, replies, and TLS that begins on the way.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { TestCertificate } from '../certificates.ts';

export class ProviderWire {
  #socket: Socket;
  #pending = '';
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#attach(socket);
  }

  /** The next line without its CRLF; undefined once the client has gone. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#pending.indexOf('\r\n');
      if (end !== -1) {
        const line = this.#pending.slice(0, end);
        this.#pending = this.#pending.slice(end + 2);
        return line;
      }
      if (!(await this.#more())) return undefined;
    }
  }

  /** A message up to its final dot, dots unstuffed (RFC 5321 §4.5.2); undefined where it never came. */
  async message(): Promise<string | undefined> {
    const pieces: string[] = [];
    // The first line stands at the start of a line.
    let tail = '\r\n';
    for (;;) {
      const seen = tail + this.#pending;
      this.#pending = '';
      const end = seen.indexOf('\r\n.\r\n');
      if (end !== -1) {
        this.#pending = seen.slice(end + 5);
        pieces.push(seen.slice(0, end + 2));
        return pieces
          .join('')
          .slice(2)
          .replaceAll(/(^|\r\n)\./g, '$1');
      }
      // All but what may be the beginning of the end.
      pieces.push(seen.slice(0, -4));
      tail = seen.slice(-4);
      if (!(await this.#more())) return undefined;
    }
  }

  /** Lines with their reply codes; a 421 is the last word (RFC 5321 §3.8). */
  say(lines: readonly string[]): void {
    if (this.#closed) return;
    this.#socket.write(lines.map((line) => `${line}\r\n`).join(''));
    if (lines.some((line) => line.startsWith('421'))) this.end();
  }

  /** What the client has sent ahead in the clear is dropped (RFC 3207 §4.2). */
  startTls({ certificate: cert, key }: TestCertificate): void {
    this.#socket.removeAllListeners('data');
    this.#pending = '';
    this.#socket = new TLSSocket(this.#socket, { isServer: true, cert, key });
    this.#attach(this.#socket);
  }

  end(): void {
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #attach(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.#pending += bytes.toString('latin1');
      this.#wake?.();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** False once the client has gone. */
  async #more(): Promise<boolean> {
    if (this.#closed) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    return this.#pending !== '' || !this.#closed;
  }
}
