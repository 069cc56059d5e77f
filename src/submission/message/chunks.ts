// Owns a message that comes by BDAT (RFC 3030): its chunks are one stream of octets, which goes the way of a message by DATA.

import { type Refusal, refuse } from '../../refusal.ts';
import { DotStuffer } from '../../relay/transaction/dot-stuffing.ts';
import { BodyScanner, type Findings } from './body-scanner.ts';
import type { Message } from './message.ts';
import type { ChunkSink } from './wire.ts';

/** What a BDAT command says. */
export interface Chunk {
  /** At most 2^53 - 1, which no client will ever have sent. */
  readonly octets: number;
  readonly last: boolean;
}

/** Refuses `command-syntax`: where the next command begins can't be known then. */
export function readChunk(line: string): Chunk | Refusal {
  const [, size, last] = /^BDAT +([0-9]{1,20})( +LAST)? *$/i.exec(line) ?? [];
  if (!size) return refuse('command-syntax', 'expected BDAT, a size and perhaps LAST');
  return { octets: Math.min(Number(size), Number.MAX_SAFE_INTEGER), last: last !== undefined };
}

const CRLF = Buffer.from('\r\n');
const NOTHING = Buffer.alloc(0);

/**
 * The octets are dot-stuffed on their way, so that whoever comes behind sees a message as DATA would have brought it, only that
 * it never finds its end in it: that is with the chunk that says LAST.
 */
export class Chunks {
  readonly #message: Message;
  readonly #maxMessageBytes: number;
  readonly #stuffer = new DotStuffer();
  readonly #reader: Reader;
  #announced = 0;

  /** @param options.binary the body is octets, not lines (BODY=BINARYMIME) */
  constructor(options: { message: Message; binary: boolean; maxMessageBytes: number }) {
    this.#message = options.message;
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#reader = options.binary ? new BinaryReader(this.#stuffer) : new TextReader();
  }

  /**
   * The sink of the next chunk. `onTaken` is told where more is to follow; at the end of the message, and where it is refused
   * before, the message's own outcome is told instead.
   */
  next({ octets, last }: Chunk, onTaken: () => void): ChunkSink {
    this.#announced += octets;
    if (this.#announced > this.#maxMessageBytes) {
      const reason = `${this.#announced} octets announced, the limit is ${this.#maxMessageBytes}`;
      this.#message.interrupt(refuse('message-too-large', reason));
    }
    return {
      push: (bytes) => this.#message.push(this.#read(bytes), this.#reader),
      end: async () => {
        // A chunk of nothing is judged like any other: it must not keep a slow client alive.
        if (octets === 0 && !last) await this.#message.push(NOTHING, this.#reader);
        if (!last && !this.#message.refused) return onTaken();
        const rest = last && this.#reader.wantsLineEnd(this.#stuffer) ? this.#read(CRLF) : NOTHING;
        await this.#message.end(rest, this.#reader);
      },
    };
  }

  #read(octets: Buffer): Buffer {
    const stuffed = this.#stuffer.stuff(octets);
    this.#reader.read(stuffed);
    return stuffed;
  }
}

interface Reader extends Findings {
  read(stuffed: Buffer): void;
  /** Whether the message, if it ended here, would lack the end of its last line. */
  wantsLineEnd(stuffer: DotStuffer): boolean;
}

/** Every line of the message must be clean. */
class TextReader implements Reader {
  readonly #scanner = new BodyScanner();

  get fault(): Findings['fault'] {
    return this.#scanner.fault;
  }

  get stuffedDots(): number {
    return this.#scanner.stuffedDots;
  }

  read(stuffed: Buffer): void {
    const { end, message } = this.#scanner.scan(stuffed);
    if (end !== -1 || message !== stuffed.length)
      throw new Error('an end was found in a dot-stuffed message');
  }

  wantsLineEnd({ lineStart }: DotStuffer): boolean {
    return !lineStart;
  }
}

/** Only the header is lines. */
class BinaryReader implements Reader {
  readonly #scanner = new BodyScanner();
  readonly #stuffer: DotStuffer;
  /** The last octets, until the empty line behind the header has come; a message may begin with that line. */
  #tail: Buffer | undefined = CRLF;

  constructor(stuffer: DotStuffer) {
    this.#stuffer = stuffer;
  }

  get fault(): Findings['fault'] {
    return this.#scanner.fault;
  }

  get stuffedDots(): number {
    return this.#stuffer.added;
  }

  read(stuffed: Buffer): void {
    const tail = this.#tail;
    if (!tail) return;
    const window = Buffer.concat([tail, stuffed]);
    const emptyLine = window.indexOf('\r\n\r\n');
    this.#tail = emptyLine === -1 ? window.subarray(-3) : undefined;
    this.#scanner.scan(emptyLine === -1 ? stuffed : stuffed.subarray(0, emptyLine + 4 - tail.length));
  }

  wantsLineEnd({ lineStart }: DotStuffer): boolean {
    return this.#tail !== undefined && !lineStart;
  }
}
