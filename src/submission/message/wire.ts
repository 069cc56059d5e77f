// Owns the client's bytes: command lines, a message up to <CRLF>.<CRLF>, or so many octets. Decides nothing else.

import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import { BodyScanner, type Findings } from './body-scanner.ts';

/** A command line that is not taken: why, and its first bytes. */
export interface LineFault {
  readonly kind: 'too-long' | 'bare-line-ending';
  readonly head: Buffer;
}

/** Takes the bytes of one message, dot-stuffed as they came, the final `.` line left out. */
export interface MessageSink {
  /** @returns a promise where the client must wait before more is read */
  push(bytes: Buffer, findings: Findings): Promise<void> | undefined;
  /** The last bytes; the final dot was read. Command lines are read again once this resolves. */
  end(last: Buffer, findings: Findings): Promise<void>;
}

/** Takes the octets of one chunk (RFC 3030 §2), whatever they are. */
export interface ChunkSink {
  /** @returns a promise where the client must wait before more is read */
  push(octets: Buffer): Promise<void> | undefined;
  /** All of them have come. Command lines are read again once this resolves. */
  end(): Promise<void> | undefined;
}

interface OpenChunk {
  readonly sink: ChunkSink;
  /** Octets that are still to come. */
  left: number;
}

const LF = 0x0a;
const CR = 0x0d;
/** As much of a refused line as tells which command it was. */
const HEAD = 16;
/** Commands, or chunks, handled in a row before others get their turn. */
const BATCH = 50;
/** Bytes taken in a row before others get theirs. */
const TURN = 65_536;
/** How much of a line that is too long is waited out: nothing that a client sends by mistake goes on for so long. */
const MAX_SKIPPED = 1_048_576;

/**
 * Replaces smtp-server's parser, which takes a bare LF for the end of a command line and has no limit of its own for AUTH.
 * A Writable: the socket is piped into it, and waits while a command or the sink is busy.
 */
export class WireStream extends SMTPStream {
  /** Called with each command line, without CRLF; the callback asks for the next. */
  online: (line: Buffer, done: () => void) => void = () => undefined;
  /** Called in place of a line that is not taken. */
  onfault: (fault: LineFault, done: () => void) => void = () => undefined;
  /** Called when a line has been incomplete for longer than `maxLineTime`: its bytes keep the idle timeout from coming. */
  onslow: () => void = () => undefined;
  /** Called when the client has closed its side and all that it sent before has been answered. */
  onover: () => void = () => undefined;
  /** Called when a line that is too long does not end. */
  onendless: () => void = () => undefined;
  /** Longest line taken, in bytes without CRLF. */
  maxLineBytes = 4096;
  /** Milliseconds. */
  maxLineTime = 300_000;
  #lineSince = 0;
  #turn = 0;
  #rest: Buffer | undefined;
  /** The beginning of a line that is too long; the rest of it is dropped as it comes. */
  #skipped: Buffer | undefined;
  #skippedBytes = 0;
  #sink: MessageSink | undefined;
  #chunk: OpenChunk | undefined;
  #chunks = 0;
  #waiting = false;
  #scanner = new BodyScanner();

  /** From the next byte on everything goes to the sink, until the final dot. */
  startMessage(sink: MessageSink): void {
    this.#sink = sink;
    this.#scanner = new BodyScanner();
  }

  /** The next `octets` go to the sink; none of them is ever read as a command. */
  startChunk(octets: number, sink: ChunkSink): void {
    this.#chunk = { sink, left: octets };
  }

  /** True while the sink is busy with what the client has sent: its silence is then no idleness. */
  get waiting(): boolean {
    return this.#waiting;
  }

  override _write(chunk: Buffer, _encoding: unknown, goOn: (error?: Error) => void): void {
    const next = this.#inTurn(chunk.length, goOn);
    const rest = this.#rest;
    this.#rest = undefined;
    this.#consume(rest ? Buffer.concat([rest, chunk]) : chunk, 0, 0, next);
  }

  /** Without a pause libuv reads 2 MB of a client that pours before it looks at the next one; all others would wait for that. */
  #inTurn(bytes: number, next: (error?: Error) => void): (error?: Error) => void {
    this.#turn += bytes;
    if (this.#turn < TURN) return next;
    this.#turn = 0;
    return (error) => void setImmediate(next, error);
  }

  /** smtp-server runs an unfinished line as a command when the client closes; an unfinished line is no command. */
  override _flushData(): void {
    if (!this.isClosed) this.onover();
  }

  #consume(bytes: Buffer, from: number, handled: number, next: (error?: Error) => void): void {
    let at = from;
    let count = handled;
    for (;;) {
      if (this.isClosed) return next();
      if (this.#sink) return this.#feed(bytes.subarray(at), next);
      if (this.#chunk) return this.#fill(this.#chunk, bytes.subarray(at), next);
      const lf = bytes.indexOf(LF, at);
      if (lf === -1) return this.#keep(bytes.subarray(at), next);
      this.#lineSince = 0;
      const start = at;
      at = lf + 1;
      count += 1;
      const position = at;
      let returned = false;
      let inside = true;
      const done = (): void => {
        if (returned) return;
        returned = true;
        // A command that answered at once goes on in this loop, not deeper on the stack.
        if (!inside) this.#consume(bytes, position, 0, next);
      };
      this.#line(bytes, start, lf, done);
      inside = false;
      if (!returned) return;
      if (count % BATCH === 0) {
        setImmediate(() => this.#consume(bytes, position, 0, next));
        return;
      }
    }
  }

  #line(bytes: Buffer, start: number, lf: number, done: () => void): void {
    const skipped = this.#skipped;
    this.#skipped = undefined;
    if (skipped) return this.onfault({ kind: 'too-long', head: skipped }, done);
    const end = lf > start && bytes[lf - 1] === CR ? lf - 1 : lf;
    const line = bytes.subarray(start, end);
    const head = line.subarray(0, HEAD);
    if (line.length > this.maxLineBytes) return this.onfault({ kind: 'too-long', head }, done);
    // RFC 5321 §2.3.8: only CRLF ends a line; what a bare CR or LF meant is never guessed at.
    if (end === lf || line.includes(CR)) return this.onfault({ kind: 'bare-line-ending', head }, done);
    this.online(line, done);
  }

  #keep(tail: Buffer, next: () => void): void {
    if (tail.length > 0) {
      if (this.#lineSince === 0) this.#lineSince = performance.now();
      else if (performance.now() - this.#lineSince > this.maxLineTime) this.onslow();
    }
    if (this.#skipped) return this.#skip(tail.length, next);
    if (tail.length > this.maxLineBytes + 1) {
      this.#skipped = Buffer.from(tail.subarray(0, HEAD));
      this.#skippedBytes = tail.length;
    } else if (tail.length > 0) this.#rest = Buffer.from(tail);
    next();
  }

  #skip(bytes: number, next: () => void): void {
    this.#skippedBytes += bytes;
    if (this.#skippedBytes > MAX_SKIPPED) this.onendless();
    next();
  }

  #feed(bytes: Buffer, next: (error?: Error) => void): void {
    const sink = this.#sink;
    if (!sink || bytes.length === 0) return next();
    try {
      this.#hand(sink, bytes, next);
    } catch (error) {
      // Thrown on, it would end the process and every other session with it.
      next(error as Error);
    }
  }

  #hand(sink: MessageSink, bytes: Buffer, next: (error?: Error) => void): void {
    const { message, end } = this.#scanner.scan(bytes);
    if (end === -1) {
      if (message < bytes.length) this.#rest = Buffer.from(bytes.subarray(message));
      const busy = message > 0 ? sink.push(bytes.subarray(0, message), this.#scanner) : undefined;
      if (busy) this.#wait(busy, next, next);
      else next();
      return;
    }
    const judged = sink.end(bytes.subarray(0, message), this.#scanner);
    this.#wait(judged, next, () => {
      this.#sink = undefined;
      this.#consume(bytes.subarray(end), 0, 0, next);
    });
  }

  #fill(chunk: OpenChunk, bytes: Buffer, next: (error?: Error) => void): void {
    const octets = bytes.length > chunk.left ? bytes.subarray(0, chunk.left) : bytes;
    chunk.left -= octets.length;
    this.#wait(this.#pour(chunk, octets), next, () => {
      if (chunk.left > 0) return next();
      this.#chunk = undefined;
      this.#chunks += 1;
      const goOn = (): void => this.#consume(bytes, octets.length, 0, next);
      if (this.#chunks % BATCH === 0) setImmediate(goOn);
      else goOn();
    });
  }

  /** An error thrown in here is the promise's: in the open it would end the process and every other session with it. */
  async #pour({ sink, left }: OpenChunk, octets: Buffer): Promise<void> {
    if (octets.length > 0) await sink.push(octets);
    // Who was hung up on for these octets is not given a verdict on the message that ends with them.
    if (left === 0 && !this.isClosed) await sink.end();
  }

  #wait(busy: Promise<void>, next: (error?: Error) => void, goOn: () => void): void {
    this.#waiting = true;
    void busy
      .then(() => {
        this.#waiting = false;
        goOn();
      })
      .catch(next);
  }
}
