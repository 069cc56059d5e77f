// Owns the way of one message's bytes: the header is held and checked, then header and body stream to the upstream.

import { type HeaderField, parseHeader } from '../policy/header.ts';
import { checkHeader } from '../policy/policy.ts';
import type { Principal } from '../principal.ts';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import type { Reply } from '../relay/reply.ts';
import type { RelayTransaction } from '../relay/transaction.ts';
import type { BodyScanner } from './body-scanner.ts';
import { dateField, messageIdField, receivedField, type TraceOptions } from './trace.ts';
import type { MessageSink } from './wire.ts';

export type MessageStage = 'data' | 'header' | 'body' | 'end';

/** What became of the message: the upstream's final word, or why it was not let through. */
export interface MessageOutcome {
  readonly verdict: Reply | Refusal;
  readonly stage: MessageStage;
  /** Size as RFC 1870 counts it: without stuffed dots and the final dot. */
  readonly bytes: number;
}

export interface MessageOptions {
  readonly principal: Principal;
  readonly transaction: RelayTransaction;
  readonly trace: TraceOptions;
  readonly maxHeaderBytes: number;
  readonly maxMessageBytes: number;
  /** Bytes a second, averaged; slower clients are given up through `onTooSlow`. */
  readonly minBytesPerSecond: number;
  readonly onTooSlow: () => void;
  /** The client goes on sending long after its message was refused: the outcome as it would have been at the end. */
  readonly onEndless: (outcome: MessageOutcome) => void;
  readonly onOutcome: (outcome: MessageOutcome) => void;
}

const HEADER_END = Buffer.from('\r\n\r\n');
/** A client's pace is judged only after this long. */
const PACE_GRACE = 60_000;
/** What is swallowed of a refused message at most, in times of the largest one taken. */
const SWALLOWED = 2;

/**
 * The sink of one DATA command. Nothing goes to the upstream before the header has been checked, and the final dot goes
 * only after the client's own: whatever is refused, too large, or cut off on the way ends the upstream's connection instead.
 */
export class Message implements MessageSink {
  readonly #options: MessageOptions;
  #state: 'header' | 'body' | 'refused' | 'judged' | 'ended' = 'header';
  /** What has arrived of a header that is not complete yet; grows by doubling, for it may come byte by byte. */
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;
  #wireBytes = 0;
  #refused: { verdict: Reply | Refusal; stage: MessageStage } | undefined;
  readonly #started = performance.now();
  #waited = 0;

  constructor(options: MessageOptions) {
    this.#options = options;
  }

  push(bytes: Buffer, scanner: BodyScanner): Promise<void> | undefined {
    this.#count(bytes, scanner);
    this.#judgePace();
    if (this.#state === 'header') return this.#collect(bytes);
    if (this.#state === 'body') return this.#forward(bytes);
    const swallowed = this.#wireBytes;
    if (this.#refused && swallowed > SWALLOWED * this.#options.maxMessageBytes) {
      this.#options.onEndless({ ...this.#refused, bytes: swallowed });
    }
    return undefined;
  }

  async end(last: Buffer, scanner: BodyScanner): Promise<void> {
    this.#count(last, scanner);
    const bytes = this.#wireBytes - scanner.stuffedDots;
    const { verdict, stage } = await this.#settle(last);
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#options.onOutcome({ verdict, stage, bytes });
  }

  /** Nothing more goes through: the rest is swallowed. Once the final dot is out it is too late for that. */
  interrupt(refusal: Refusal): void {
    if (this.#state !== 'judged') this.#refuse(refusal, 'body');
  }

  /** The client is gone: what has begun at the upstream is cut off. Once the final dot is out, its verdict is still told. */
  abandon(): void {
    if (this.#state === 'judged') return;
    if (this.#state !== 'ended') this.#options.transaction.abort();
    this.#state = 'ended';
  }

  #count(bytes: Buffer, scanner: BodyScanner): void {
    this.#wireBytes += bytes.length;
    if (scanner.fault) this.#refuse(refuse(scanner.fault, 'found in the message'), 'body');
    const size = this.#wireBytes - scanner.stuffedDots;
    if (size > this.#options.maxMessageBytes) {
      this.#refuse(refuse('message-too-large', `more than ${this.#options.maxMessageBytes} bytes`), 'body');
    }
  }

  /** A client that trickles holds a connection and an upstream connection with it; waiting for the upstream is not its fault. */
  #judgePace(): void {
    const spent = performance.now() - this.#started - this.#waited;
    if (spent > PACE_GRACE && (this.#wireBytes * 1000) / spent < this.#options.minBytesPerSecond) {
      this.#options.onTooSlow();
    }
  }

  #collect(bytes: Buffer): Promise<void> | undefined {
    const from = Math.max(0, this.#heldBytes - 3);
    this.#hold(bytes);
    const held = this.#held.subarray(0, this.#heldBytes);
    const at = headerEnd(held, from);
    if ((at === -1 ? held.length : at) > this.#options.maxHeaderBytes) {
      this.#refuse(refuse('header-too-large', `more than ${this.#options.maxHeaderBytes} bytes`), 'header');
      return undefined;
    }
    return at === -1 ? undefined : this.#wait(this.#open(held, at));
  }

  #hold(bytes: Buffer): void {
    const needed = this.#heldBytes + bytes.length;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#held.length * 2, 4096));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#heldBytes);
    this.#heldBytes = needed;
  }

  /** Header complete: check it, open the body at the upstream, and let go what is held. */
  async #open(held: Buffer, at: number): Promise<void> {
    const added = this.#check(held.subarray(0, at));
    if (added === undefined) return;
    if (!(await this.#data())) return;
    this.#state = 'body';
    this.#release();
    this.#options.transaction.write(added);
    await this.#forward(held);
  }

  async #settle(last: Buffer): Promise<{ verdict: Reply | Refusal; stage: MessageStage }> {
    if (this.#state === 'header') return this.#settleWhole(last);
    if (this.#refused) return this.#refused;
    return this.#finish(last);
  }

  async #finish(last: Buffer): Promise<{ verdict: Reply | Refusal; stage: MessageStage }> {
    this.#state = 'judged';
    return { verdict: await this.#options.transaction.finish(last), stage: 'end' };
  }

  /** The whole message lies here: it goes out in one piece. */
  async #settleWhole(last: Buffer): Promise<{ verdict: Reply | Refusal; stage: MessageStage }> {
    const whole = this.#heldBytes > 0 ? Buffer.concat([this.#held.subarray(0, this.#heldBytes), last]) : last;
    const end = headerEnd(whole, 0);
    const at = end === -1 ? whole.length : end;
    if (at > this.#options.maxHeaderBytes) {
      this.#refuse(refuse('header-too-large', `more than ${this.#options.maxHeaderBytes} bytes`), 'header');
    } else {
      const added = this.#check(whole.subarray(0, at));
      if (added !== undefined && (await this.#data())) {
        return this.#finish(Buffer.concat([Buffer.from(added), whole]));
      }
    }
    return (
      this.#refused ?? { verdict: refuse('internal-error', 'message neither refused nor sent'), stage: 'end' }
    );
  }

  /** The header fields to add, or undefined where the header was refused. */
  #check(block: Buffer): string | undefined {
    const fields = parseHeader(unstuffed(block));
    const refusal = isRefusal(fields) ? fields : checkHeader(this.#options.principal, fields);
    if (refusal) {
      this.#refuse(refusal, 'header');
      return undefined;
    }
    return this.#added(fields as HeaderField[]);
  }

  #added(fields: readonly HeaderField[]): string {
    const { trace } = this.#options;
    const names = new Set(fields.map((field) => field.name.toLowerCase()));
    return (
      receivedField(trace) +
      (names.has('message-id') ? '' : messageIdField(trace.hostname)) +
      (names.has('date') ? '' : dateField(trace.time))
    );
  }

  async #data(): Promise<boolean> {
    const outcome = await this.#options.transaction.data();
    if (!isRefusal(outcome) && outcome.code === 354) return this.#state === 'header';
    this.#refuse(outcome, 'data');
    return false;
  }

  #forward(bytes: Buffer): Promise<void> | undefined {
    const { transaction } = this.#options;
    if (transaction.verdict) {
      this.#refuse(transaction.verdict, 'body');
      return undefined;
    }
    return transaction.write(bytes) ? undefined : this.#wait(transaction.drained());
  }

  #release(): void {
    this.#held = Buffer.alloc(0);
    this.#heldBytes = 0;
  }

  #refuse(verdict: Reply | Refusal, stage: MessageStage): void {
    if (this.#state === 'refused' || this.#state === 'ended') return;
    this.#state = 'refused';
    this.#release();
    this.#refused = { verdict, stage };
    this.#options.transaction.abort();
  }

  async #wait(busy: Promise<void>): Promise<void> {
    const since = performance.now();
    await busy;
    this.#waited += performance.now() - since;
  }
}

/** Where the header block ends (behind its last CRLF), or -1. A message may begin with the empty line. */
function headerEnd(bytes: Buffer, from: number): number {
  if (bytes[0] === 0x0d && bytes[1] === 0x0a) return 0;
  const at = bytes.indexOf(HEADER_END, from);
  return at === -1 ? -1 : at + 2;
}

/** RFC 5321 §4.5.2 undone for the check; on the wire the dots stay. */
function unstuffed(block: Buffer): Buffer {
  if (block[0] !== 0x2e && !block.includes('\r\n.')) return block;
  return Buffer.from(block.toString('latin1').replace(/(^|\r\n)\./g, '$1'), 'latin1');
}
