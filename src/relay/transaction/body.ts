// Owns the two ways in which a message's body goes to the upstream: DATA for text, BDAT for octets (RFC 3030).

import { isRefusal, type Refusal } from '../../refusal.ts';
import type { UpstreamDialogue } from '../connection/dialogue.ts';
import { isPositive, type Reply, sane } from '../connection/reply.ts';
import type { UpstreamSettings } from '../settings.ts';
import { DotUnstuffer } from './dot-stuffing.ts';

/** Both take the message as it stands on SMTP's wire, dot-stuffed, so that nobody else has to know which one it is. */
export interface UpstreamBody {
  /** 354 where the body may follow. */
  begin(): Promise<Reply | Refusal>;
  /** False: wait for {@link UpstreamBody.drained}. */
  write(bytes: Buffer | string): boolean;
  drained(): Promise<void>;
  /** Set once the upstream has refused in mid-message or is lost. */
  readonly verdict: Reply | Refusal | undefined;
  /** The last bytes and, where nothing has been refused so far, the end of the message; the verdict on it. */
  finish(last: Buffer | undefined): Promise<Reply | Refusal>;
  /** True once the end is out: only then does the connection serve another message. */
  readonly complete: boolean;
}

/** RFC 5321 §4.1.1.4: up to the final dot. */
export class TextBody implements UpstreamBody {
  readonly #dialogue: UpstreamDialogue;
  readonly #settings: UpstreamSettings;
  complete = false;

  constructor(dialogue: UpstreamDialogue, settings: UpstreamSettings) {
    this.#dialogue = dialogue;
    this.#settings = settings;
  }

  async begin(): Promise<Reply | Refusal> {
    return sane(await this.#dialogue.command('DATA', this.#settings.replyTimeout), [3, 4, 5]);
  }

  write(bytes: Buffer | string): boolean {
    return this.#dialogue.write(bytes);
  }

  drained(): Promise<void> {
    return this.#dialogue.drained(this.#settings.replyTimeout);
  }

  get verdict(): Reply | Refusal | undefined {
    const { early, lost } = this.#dialogue;
    return early ? sane(early, [4, 5]) : lost;
  }

  async finish(last: Buffer | undefined): Promise<Reply | Refusal> {
    this.complete = true;
    if (last) this.#dialogue.write(last);
    this.#dialogue.write('.\r\n');
    return sane(await this.#dialogue.reply(this.#settings.finalReplyTimeout), [2, 4, 5]);
  }
}

/** Octets of one chunk: as many as are held in memory for it. */
const CHUNK = 65_536;
/** Chunks on their way without a reply yet, where the upstream takes more than one at a time (RFC 2920). */
const IN_FLIGHT = 4;

/**
 * The client's chunks are not passed on as they were cut: one octet each would cost a reply each. LAST goes only behind the
 * client's own, and only when every chunk before it was taken.
 */
export class BinaryBody implements UpstreamBody {
  readonly #dialogue: UpstreamDialogue;
  readonly #settings: UpstreamSettings;
  readonly #unstuffer = new DotUnstuffer();
  readonly #limit: number;
  /** The chunk that is being filled. */
  #chunk = Buffer.alloc(0);
  #filled = 0;
  /** Full ones that wait for their turn. */
  readonly #waiting: Buffer[] = [];
  #inFlight = 0;
  complete = false;
  #refused: Reply | Refusal | undefined;
  #answered = Promise.withResolvers<void>();

  constructor(dialogue: UpstreamDialogue, settings: UpstreamSettings) {
    this.#dialogue = dialogue;
    this.#settings = settings;
    this.#limit = dialogue.capabilities.keywords.has('PIPELINING') ? IN_FLIGHT : 1;
  }

  /** Nothing is asked beforehand: the first chunk is the question. */
  async begin(): Promise<Reply> {
    return { code: 354, lines: ['BDAT'] };
  }

  write(bytes: Buffer | string): boolean {
    let rest = this.#unstuffer.unstuff(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    while (rest.length > 0) {
      if (this.#filled === this.#chunk.length) this.#next();
      const taken = rest.copy(this.#chunk, this.#filled);
      this.#filled += taken;
      rest = rest.subarray(taken);
    }
    return this.#waiting.length === 0;
  }

  async drained(): Promise<void> {
    while (this.#waiting.length > 0 && !this.verdict) await this.#answered.promise;
    await this.#dialogue.drained(this.#settings.replyTimeout);
  }

  get verdict(): Reply | Refusal | undefined {
    const { early, lost } = this.#dialogue;
    return this.#refused ?? (early ? sane(early, [4, 5]) : lost);
  }

  async finish(last: Buffer | undefined): Promise<Reply | Refusal> {
    if (last) this.write(last);
    while (this.#waiting.length + this.#inFlight > 0 && !this.verdict) await this.#answered.promise;
    if (this.verdict) return this.verdict;
    this.complete = true;
    const octets = this.#chunk.subarray(0, this.#filled);
    return this.#send(octets, { last: true, timeout: this.#settings.finalReplyTimeout });
  }

  /** The chunk in hand is full: another one is begun. */
  #next(): void {
    if (this.#filled > 0) this.#waiting.push(this.#chunk);
    this.#chunk = Buffer.allocUnsafe(CHUNK);
    this.#filled = 0;
    this.#pump();
  }

  #pump(): void {
    while (this.#inFlight < this.#limit && !this.verdict) {
      const octets = this.#waiting.shift();
      if (!octets) return;
      this.#inFlight += 1;
      const answer = this.#send(octets, { last: false, timeout: this.#settings.replyTimeout });
      void answer.then((outcome) => this.#note(outcome));
    }
  }

  async #send(octets: Buffer, how: { last: boolean; timeout: number }): Promise<Reply | Refusal> {
    const replied = this.#dialogue.command(`BDAT ${octets.length}${how.last ? ' LAST' : ''}`, how.timeout);
    this.#dialogue.write(octets);
    return sane(await replied, [2, 4, 5]);
  }

  #note(outcome: Reply | Refusal): void {
    this.#inFlight -= 1;
    if (isRefusal(outcome) || !isPositive(outcome)) this.#refused ??= outcome;
    this.#pump();
    this.#answered.resolve();
    this.#answered = Promise.withResolvers();
  }
}
