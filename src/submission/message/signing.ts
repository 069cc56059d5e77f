// Owns the way of a message that Postern signs: it waits as a whole, for its signature stands above its first byte.

import type { Dkim, Signing } from '../../dkim/dkim.ts';
import type { Path } from '../../envelope.ts';
import { readOriginators } from '../../policy/originators.ts';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { Reply } from '../../relay/connection/reply.ts';
import { DotUnstuffer } from '../../relay/transaction/dot-stuffing.ts';
import type { RelayTransaction } from '../../relay/transaction/transaction.ts';
import type { RepairedHeader } from './header/repair.ts';
import { signedNames } from './header/signed-names.ts';

/** What keeps a message from getting its end, and where. */
export interface Stop {
  readonly verdict: Reply | Refusal;
  readonly stage: 'data' | 'body';
}

/** Says yes to DATA by itself and keeps what is written: the upstream hears of the message when it is complete. */
export interface SignedTransaction extends RelayTransaction {
  /** As in {@link Signing.keyNames}. */
  readonly keyNames: readonly string[];
  /**
   * The last bytes: signs, asks the upstream for DATA and hands all over but the end, which is {@link RelayTransaction.finish}'s.
   * Until then {@link RelayTransaction.abort} stops it. Undefined where nothing has.
   */
  release(last: Buffer): Promise<Stop | undefined>;
}

/** RFC 5321 §4.5.3.2.7: a server waits five minutes for a command; several wait for less. */
const KEEP_ALIVE = 60_000;

/**
 * The same transaction for a message with this header. Undefined where it passes as it is: no key for its author's domain, or
 * somebody's signature says that it is the only one (a name in `h=` may stand for a field that is not there: adding it breaks that
 * signature).
 *
 * @param given.time milliseconds since the epoch
 */
export function signing(
  upstream: RelayTransaction,
  { dkim, time }: { dkim: Dkim; time: number },
): (header: RepairedHeader) => SignedTransaction | undefined {
  return (header) => {
    const originators = readOriginators(header.fields);
    if (isRefusal(originators) || signedNames(header.fields).has('dkim-signature')) return undefined;
    const [author = ''] = originators.from;
    const signature = dkim.begin(author.slice(author.lastIndexOf('@') + 1));
    return signature && new Held(upstream, { header, signature, time });
  };
}

class Held implements SignedTransaction {
  readonly #upstream: RelayTransaction;
  readonly #signature: Signing;
  readonly #header: string;
  readonly #time: number;
  /** Bytes of the header and the empty line behind it that are still to come. */
  #beforeBody: number;
  readonly #unstuffer = new DotUnstuffer();
  #over = false;
  readonly #keepAlive: NodeJS.Timeout;
  /** The last question whether the upstream is still there. */
  #alive: Promise<void> | undefined;

  constructor(
    upstream: RelayTransaction,
    { header, signature, time }: { header: RepairedHeader; signature: Signing; time: number },
  ) {
    const added = Buffer.from(header.added);
    this.#upstream = upstream;
    this.#signature = signature;
    this.#time = time;
    this.#header = Buffer.concat([added, new DotUnstuffer().unstuff(header.kept)]).toString('latin1');
    this.#beforeBody = added.length + header.kept.length + '\r\n'.length;
    this.#keepAlive = setInterval(() => {
      this.#alive = this.#stayAlive(this.#alive);
    }, KEEP_ALIVE).unref();
  }

  get keyNames(): readonly string[] {
    return this.#signature.keyNames;
  }

  get upstream(): string {
    return this.#upstream.upstream;
  }

  /** One question at a time: DATA must not go out behind one that is not answered (RFC 2920 §3.1). */
  async #stayAlive(before: Promise<void> | undefined): Promise<void> {
    await before;
    if (!this.#over) await this.#upstream.keepAlive?.();
  }

  recipient(path: Path): Promise<Reply | Refusal> {
    return this.#upstream.recipient(path);
  }

  async data(): Promise<Reply> {
    return { code: 354, lines: ['held until it is signed'] };
  }

  write(given: Buffer | string): boolean {
    const bytes = typeof given === 'string' ? Buffer.from(given) : given;
    const header = Math.min(this.#beforeBody, bytes.length);
    this.#beforeBody -= header;
    if (header < bytes.length) this.#signature.update(this.#unstuffer.unstuff(bytes.subarray(header)));
    return this.#signature.spool.write(bytes);
  }

  drained(): Promise<void> {
    return this.#signature.spool.drained();
  }

  get verdict(): Refusal | undefined {
    return this.#signature.spool.failure;
  }

  async release(last: Buffer): Promise<Stop | undefined> {
    this.write(last);
    clearInterval(this.#keepAlive);
    const fields = await this.#signature.fields(this.#header, this.#time);
    await this.#alive;
    if (this.#over || this.verdict) return this.#stopped();
    const asked = await this.#upstream.data();
    if (isRefusal(asked) || asked.code !== 354) return { verdict: asked, stage: 'data' };
    this.#upstream.write(fields);
    for await (const piece of this.#signature.spool.pieces()) {
      if (this.#upstream.verdict) return { verdict: this.#upstream.verdict, stage: 'body' };
      if (!this.#upstream.write(piece)) await this.#upstream.drained();
    }
    return this.#over || this.verdict ? this.#stopped() : undefined;
  }

  finish(last: Buffer | undefined): Promise<Reply | Refusal> {
    this.#end();
    return this.#upstream.finish(last);
  }

  reset(): Promise<void> {
    this.#end();
    return this.#upstream.reset();
  }

  abort(): void {
    this.#end();
    this.#upstream.abort();
  }

  #stopped(): Stop {
    return { verdict: this.verdict ?? refuse('upstream-lost', 'message was given up'), stage: 'body' };
  }

  #end(): void {
    this.#over = true;
    clearInterval(this.#keepAlive);
    this.#signature.spool.close();
  }
}
