// Owns the way of one message's bytes: the header is held and checked, then header and body stream to the upstream.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { Reply } from '../../relay/connection/reply.ts';
import type { RelayTransaction } from '../../relay/transaction/transaction.ts';
import type { Findings } from './body-scanner.ts';
import { type HeaderContext, type RepairedHeader, repairHeader } from './header/repair.ts';
import { Pace } from './pace.ts';
import type { SignedTransaction } from './signing.ts';
import type { MessageSink } from './wire.ts';

export type MessageStage = 'data' | 'header' | 'body' | 'end';

/** What became of the message: the upstream's final word, or why it was not let through. */
export interface MessageOutcome {
  readonly verdict: Reply | Refusal;
  readonly stage: MessageStage;
  /** Size as RFC 1870 counts it: without stuffed dots and the final dot. */
  readonly bytes: number;
  /** Where the public keys of the signatures stand that it was given; undefined where it was given none. */
  readonly signedWith?: readonly string[] | undefined;
}

export interface MessageOptions {
  readonly transaction: RelayTransaction;
  readonly header: HeaderContext;
  /** The same transaction for a message that Postern signs; undefined where it passes as it is. */
  readonly signing?: (header: RepairedHeader) => SignedTransaction | undefined;
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
/** What is swallowed of a refused message at most, in times of the largest one taken. */
export const SWALLOWED = 2;

/**
 * The sink of one message, by DATA or, through `chunks.ts`, by BDAT. Nothing goes to the upstream before the header has been
 * checked, and the end goes only after the client's own: whatever is refused, too large, or cut off on the way ends the
 * upstream's connection instead.
 */
export class Message implements MessageSink {
  readonly #options: MessageOptions;
  #signed: SignedTransaction | undefined;
  #state: 'header' | 'body' | 'refused' | 'judged' | 'ended' = 'header';
  /** What has arrived of a header that is not complete yet; grows by doubling, for it may come byte by byte. */
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;
  #wireBytes = 0;
  #refused: { verdict: Reply | Refusal; stage: MessageStage } | undefined;
  readonly #pace: Pace;

  constructor(options: MessageOptions) {
    this.#options = options;
    this.#pace = new Pace(options.minBytesPerSecond);
  }

  get #transaction(): RelayTransaction {
    return this.#signed ?? this.#options.transaction;
  }

  /** True once it is certain that nothing of it goes through. */
  get refused(): boolean {
    return this.#refused !== undefined;
  }

  push(bytes: Buffer, findings: Findings): Promise<void> | undefined {
    this.#count(bytes, findings);
    if (this.#pace.tooSlow(this.#wireBytes)) this.#options.onTooSlow();
    if (this.#state === 'header') return this.#collect(bytes);
    if (this.#state === 'body') return this.#forward(bytes);
    const swallowed = this.#wireBytes;
    if (this.#refused && swallowed > SWALLOWED * this.#options.maxMessageBytes) {
      this.#options.onEndless({ ...this.#refused, bytes: swallowed });
    }
    return undefined;
  }

  async end(last: Buffer, findings: Findings): Promise<void> {
    this.#count(last, findings);
    const bytes = this.#wireBytes - findings.stuffedDots;
    const { verdict, stage } = await this.#settle(last);
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#options.onOutcome({ verdict, stage, bytes, signedWith: this.#signed?.keyNames });
  }

  /** Nothing more goes through: the rest is swallowed. Once the final dot is out it is too late for that. */
  interrupt(refusal: Refusal): void {
    if (this.#state !== 'judged') this.#refuse(refusal, 'body');
  }

  /** The client is gone: what has begun at the upstream is cut off. Once the final dot is out, its verdict is still told. */
  abandon(): void {
    if (this.#state === 'judged') return;
    if (this.#state !== 'ended') this.#transaction.abort();
    this.#state = 'ended';
  }

  #count(bytes: Buffer, findings: Findings): void {
    this.#wireBytes += bytes.length;
    if (findings.fault) this.#refuse(refuse(findings.fault, 'found in the message'), 'body');
    const size = this.#wireBytes - findings.stuffedDots;
    if (size > this.#options.maxMessageBytes) {
      this.#refuse(refuse('message-too-large', `more than ${this.#options.maxMessageBytes} bytes`), 'body');
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
    return at === -1 ? undefined : this.#pace.wait(this.#open(held, at));
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
    const header = this.#check(held.subarray(0, at));
    if (header === undefined) return;
    if (!(await this.#data())) return;
    this.#state = 'body';
    this.#release();
    const { added, kept } = header;
    this.#transaction.write(added);
    // Where nothing was taken out of it, header and body go on in one piece, as they came.
    if (kept.length < at) this.#transaction.write(kept);
    await this.#forward(kept.length < at ? held.subarray(at) : held);
  }

  async #settle(last: Buffer): Promise<{ verdict: Reply | Refusal; stage: MessageStage }> {
    if (this.#state === 'header') return this.#settleWhole(last);
    if (this.#refused) return this.#refused;
    return this.#finish(last);
  }

  async #finish(last: Buffer): Promise<{ verdict: Reply | Refusal; stage: MessageStage }> {
    if (this.#signed) return this.#finishSigned(this.#signed, last);
    this.#state = 'judged';
    return { verdict: await this.#transaction.finish(last), stage: 'end' };
  }

  /** It goes out only now: until its end does, it may still be interrupted or abandoned. */
  async #finishSigned(
    transaction: SignedTransaction,
    last: Buffer,
  ): Promise<{ verdict: Reply | Refusal; stage: MessageStage }> {
    const stop = await transaction.release(last);
    if (stop) this.#refuse(stop.verdict, stop.stage);
    if (this.#state === 'refused' || this.#state === 'ended') {
      return this.#refused ?? { verdict: refuse('internal-error', 'nobody waits for it'), stage: 'end' };
    }
    this.#state = 'judged';
    return { verdict: await transaction.finish(undefined), stage: 'end' };
  }

  /** The whole message lies here: it goes out in one piece. */
  async #settleWhole(last: Buffer): Promise<{ verdict: Reply | Refusal; stage: MessageStage }> {
    const whole = this.#heldBytes > 0 ? Buffer.concat([this.#held.subarray(0, this.#heldBytes), last]) : last;
    const end = headerEnd(whole, 0);
    const at = end === -1 ? whole.length : end;
    if (at > this.#options.maxHeaderBytes) {
      this.#refuse(refuse('header-too-large', `more than ${this.#options.maxHeaderBytes} bytes`), 'header');
    } else {
      const header = this.#check(whole.subarray(0, at));
      if (header !== undefined && (await this.#data())) {
        return this.#finish(Buffer.concat([Buffer.from(header.added), header.kept, whole.subarray(at)]));
      }
    }
    return (
      this.#refused ?? { verdict: refuse('internal-error', 'message neither refused nor sent'), stage: 'end' }
    );
  }

  /** The header as it goes on, or undefined where it was refused. */
  #check(block: Buffer): RepairedHeader | undefined {
    const header = repairHeader(block, this.#options.header);
    if (isRefusal(header)) {
      this.#refuse(header, 'header');
      return undefined;
    }
    this.#signed = this.#options.signing?.(header);
    return header;
  }

  async #data(): Promise<boolean> {
    const outcome = await this.#transaction.data();
    if (!isRefusal(outcome) && outcome.code === 354) return this.#state === 'header';
    this.#refuse(outcome, 'data');
    return false;
  }

  #forward(bytes: Buffer): Promise<void> | undefined {
    const transaction = this.#transaction;
    if (transaction.verdict) {
      this.#refuse(transaction.verdict, 'body');
      return undefined;
    }
    return transaction.write(bytes) ? undefined : this.#pace.wait(transaction.drained());
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
    this.#transaction.abort();
  }
}

/** Where the header block ends (behind its last CRLF), or -1. A message may begin with the empty line. */
function headerEnd(bytes: Buffer, from: number): number {
  if (bytes[0] === 0x0d && bytes[1] === 0x0a) return 0;
  const at = bytes.indexOf(HEADER_END, from);
  return at === -1 ? -1 : at + 2;
}
