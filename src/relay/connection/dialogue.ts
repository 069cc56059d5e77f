// Owns one ready connection to the upstream: a writer of commands, a reader of replies in their order.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { Capabilities } from './capabilities.ts';
import { MalformedReply, type Reply, ReplyReader, replyText } from './reply.ts';

interface Waiter {
  readonly resolve: (outcome: Reply | Refusal) => void;
  /** Milliseconds, from when its reply is the next. */
  readonly timeout: number;
}

/** A connection that has greeted and answered EHLO, through TLS where there is to be any. */
export interface ReadySocket {
  readonly socket: Socket;
  readonly capabilities: Capabilities;
  /** Milliseconds that it took so far. */
  readonly elapsed?: number;
}

/** A connection in the hands of at most one transaction. After `lost` is set nothing more is written. */
export class UpstreamDialogue {
  /** As last announced; another EHLO may change it. */
  capabilities: Capabilities;
  /** Whom the upstream was last told that this connection speaks for; see `announce/`. */
  announced: string | undefined;
  /** Milliseconds that connecting took; the sign-in has what is left of `connectTimeout`. */
  readonly elapsed: number;
  /** Messages handed over so far. */
  messages = 0;
  /** Commands that the upstream has refused since it last took a message. */
  refusals = 0;
  /** True once it has waited idle: the upstream may have closed it meanwhile. */
  kept = false;
  /** True while it waits idle between two messages, in nobody's hands: whatever it says then is out of turn. */
  resting = false;
  /** Why the connection is of no more use. */
  lost: Refusal | undefined;
  /** The 421 with which the upstream took its leave, where it did. */
  farewell: Reply | undefined;
  /** True where it was Postern that cut it. */
  cut = false;
  readonly #socket: Socket;
  readonly #reader = new ReplyReader();
  /** One for each reply that is owed, in the order in which they will come. */
  readonly #waiters: Waiter[] = [];
  /** Of the first of them. */
  #timer: NodeJS.Timeout | undefined;
  #early: Reply | undefined;
  #gathering = false;
  #drain: { readonly resolve: () => void; readonly timer: NodeJS.Timeout } | undefined;
  #onLost: (() => void) | undefined;

  constructor(ready: ReadySocket) {
    this.capabilities = ready.capabilities;
    this.elapsed = ready.elapsed ?? 0;
    this.#socket = ready.socket;
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('drain', () => this.#release());
    this.#socket.once('end', () => this.#lose(refuse('upstream-lost', 'upstream closed the connection')));
    this.#socket.once('close', () =>
      this.#lose(refuse('upstream-lost', 'connection to the upstream closed')),
    );
    this.#socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#lose(
        refuse('upstream-lost', `connection to the upstream failed: ${error.code ?? error.message}`),
      ),
    );
    this.#socket.resume();
  }

  /** Whether everything goes through TLS. */
  get secure(): boolean {
    return (this.#socket as Partial<TLSSocket>).encrypted === true;
  }

  /** Whether the upstream is on this very machine, so that nobody listens on the way. */
  get local(): boolean {
    return /^(?:::1$|(?:::ffff:)?127\.)/.test(this.#socket.remoteAddress ?? '');
  }

  /** True while a reply is owed: whoever sent another command now would be given that one's. */
  get owed(): boolean {
    return this.#waiters.length > 0;
  }

  /** Called once when the connection dies while nobody uses it. */
  whenLost(listener: () => void): void {
    this.#onLost = listener;
  }

  /** True until the socket is closed for good: so long the upstream counts it. Bounded, see {@link quit}. */
  get open(): boolean {
    return !this.#socket.closed;
  }

  /** Resolves when it is no longer {@link open}, whoever closed it. */
  closed(): Promise<void> {
    if (!this.open) return Promise.resolve();
    return new Promise((resolve) => void this.#socket.once('close', () => resolve()));
  }

  /** Sends one command line (without CRLF) and waits for its reply. */
  command(line: string, timeout: number): Promise<Reply | Refusal> {
    // A reply to nothing lies here: taken for this command's, every later answer would be one too late.
    if (this.#early) this.#lose(unasked());
    if (!this.lost) this.write(`${line}\r\n`);
    return this.reply(timeout);
  }

  /** Waits for the next reply that nobody waits for yet; a 421 ends the connection and counts as a loss (RFC 5321 §3.8). */
  reply(timeout: number): Promise<Reply | Refusal> {
    if (this.lost) return Promise.resolve(this.lost);
    return new Promise((resolve) => {
      this.#waiters.push({ resolve, timeout });
      if (this.#waiters.length === 1) this.#expect(timeout);
    });
  }

  #expect(timeout: number): void {
    this.#timer = setTimeout(
      () => this.#lose(refuse('upstream-timeout', `no reply within ${timeout} ms`)),
      timeout,
    );
  }

  /**
   * Writes message bytes; false where the caller should wait for {@link drained} before writing more. What is written in one turn
   * of the event loop leaves together: each small piece of its own would cost a system call, and a packet or a TLS record.
   */
  write(bytes: Buffer | string): boolean {
    if (this.lost) return true;
    if (!this.#gathering) {
      this.#gathering = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#gathering = false;
        this.#socket.uncork();
      });
    }
    return this.#socket.write(bytes);
  }

  /** Resolves when the upstream takes more, or when the connection is lost: as one that takes nothing for so long is. */
  drained(timeout: number): Promise<void> {
    if (this.lost || !this.#socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => this.#lose(refuse('upstream-timeout', `no byte of the message taken within ${timeout} ms`)),
        timeout,
      );
      this.#drain = { resolve, timer };
    });
  }

  /** Says goodbye and closes; nothing is waited for. */
  quit(): void {
    if (this.lost) return;
    this.lost = refuse('upstream-lost', 'connection closed by Postern');
    this.#socket.end('QUIT\r\n');
    // An upstream that never closes its side must not hold the descriptor.
    const linger = setTimeout(() => this.#socket.destroy(), 2_000);
    linger.unref();
    this.#socket.once('close', () => clearTimeout(linger));
  }

  /** Cuts the connection: a message that was begun never gets its final dot. */
  destroy(): void {
    this.cut = true;
    this.#lose(refuse('upstream-lost', 'connection cut by Postern'));
  }

  /** The same, where it is the upstream's fault: nobody knows any more what its next reply would answer. */
  fail(refusal: Refusal): void {
    this.#lose(refusal);
  }

  #receive(chunk: Buffer): void {
    // After QUIT the other side may still talk, and nobody listens.
    if (this.lost) return;
    try {
      for (const reply of this.#reader.push(chunk)) {
        this.#deliver(reply);
        if (this.lost) return;
      }
    } catch (error) {
      if (!(error instanceof MalformedReply)) throw error;
      this.#lose(refuse('upstream-protocol', `upstream sent what is no reply: ${error.message}`));
    }
  }

  #deliver(reply: Reply): void {
    if (reply.code === 421) {
      this.farewell = reply;
      return this.#lose(refuse('upstream-unavailable', `upstream said ${replyText(reply)}`));
    }
    const waiter = this.#waiters.shift();
    if (!waiter) {
      // Nobody asked: in mid-message it may be the verdict, anywhere else it makes the connection useless. There is one verdict;
      // whoever goes on talking would be read for ever.
      if (this.resting || this.#early) this.#lose(unasked());
      this.#early ??= reply;
      return;
    }
    clearTimeout(this.#timer);
    const [next] = this.#waiters;
    if (next) this.#expect(next.timeout);
    if (reply.code >= 400) this.refusals += 1;
    waiter.resolve(reply);
  }

  #lose(refusal: Refusal): void {
    if (this.lost) return;
    this.lost = refusal;
    this.#socket.destroy();
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(refusal);
    this.#release();
    this.#onLost?.();
  }

  #release(): void {
    const drain = this.#drain;
    if (!drain) return;
    this.#drain = undefined;
    clearTimeout(drain.timer);
    drain.resolve();
  }

  /** The first reply that came without being asked for; such a connection is not used for another message. */
  get early(): Reply | undefined {
    return this.#early;
  }
}

const unasked = (): Refusal => refuse('upstream-protocol', 'upstream sent a reply nobody asked for');

export const isReply = (outcome: Reply | Refusal): outcome is Reply => !isRefusal(outcome);
