// Owns the commands of a mail transaction (RFC 5321 §3.3, RFC 3030), their order, and the one that a session has in hand.

import type { Principal } from '../principal.ts';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import type { Reply } from '../relay/connection/reply.ts';
import type { Origin } from '../relay/origin.ts';
import type { TrustedNetwork } from './access/trusted-networks.ts';
import type { Outcome } from './command-table.ts';
import type { Door, Wire } from './door.ts';
import { type Chunk, readChunk } from './message/chunks.ts';
import { Swallowed } from './message/swallowed.ts';
import { ownReply, replyWith } from './replies.ts';
import { Transaction } from './transaction.ts';

export interface Sender {
  readonly principal: Principal;
  /** EHLO argument. */
  readonly clientName: string;
  /** Where its network and no sign-in lets it in. */
  readonly network: TrustedNetwork | undefined;
  /** The same as the relay sees it. */
  readonly origin: Origin;
}

/** What the commands ask of the session they belong to. */
export interface MailHost {
  /** Who sends; undefined until EHLO and sign-in are both done. */
  readonly sender: Sender | undefined;
  /** True where the session, or the trust in it, has ended meanwhile. */
  readonly gone: boolean;
  /** `performance.now()` of the session's begin. */
  readonly started: number;
  /** True where EHLO has offered CHUNKING. */
  readonly chunking: boolean;
  /** The reply to a command that was long in coming. */
  answer(outcome: Outcome): void;
  /** The verdict on a message, once its last byte has come. */
  messageEnded(verdict: Reply | Refusal): void;
}

/** Chunks of nothing that one session may send: each costs it a few octets, and a reply. */
const MAX_EMPTY_CHUNKS = 100;

export class MailCommands {
  /** Messages that went through. */
  messages = 0;
  readonly #door: Door;
  readonly #wire: Wire;
  readonly #host: MailHost;
  #transaction: Transaction | undefined;
  /** The verdict that a chunk before the last one got: until LAST or RSET every further one gets it too. */
  #failed: Reply | Refusal | undefined;
  /** True where the message in hand has more chunks to come. */
  #unfinished = false;
  #emptyChunks = 0;
  readonly #swallowed: Swallowed;

  constructor(options: { door: Door; wire: Wire; host: MailHost }) {
    this.#door = options.door;
    this.#wire = options.wire;
    this.#host = options.host;
    this.#swallowed = new Swallowed(options);
  }

  /** How far the transaction is; undefined where there is none. */
  get state(): 'in-transaction' | 'in-message' | undefined {
    if (!this.#transaction) return this.#failed && 'in-transaction';
    return this.#transaction.receiving ? 'in-message' : 'in-transaction';
  }

  async mail(line: string): Promise<Outcome> {
    const { settings, now, leeway } = this.#door;
    const { sender } = this.#host;
    if (!sender) return refuse('command-order', 'MAIL before EHLO');
    if (this.state) return refuse('command-order', 'MAIL within a transaction');
    if (sender.principal.expiresAt * 1000 + leeway < now())
      return refuse('session-expired', 'token expired during the session');
    if (performance.now() - this.#host.started > settings.maxSession)
      return refuse('session-too-long', 'maxSession is over');
    if (sender.network?.admitsMessage() === false)
      return refuse('rate-exceeded', `more than ${sender.network.settings.maxMessagesPerMinute} a minute`);
    const { verdict, transaction } = await Transaction.begin(line, {
      ...sender,
      door: this.#door,
      wire: this.#wire,
      number: this.messages + 1,
    });
    if (this.#host.gone) transaction?.abandon();
    else this.#transaction = transaction;
    return verdict;
  }

  recipient(line: string): Promise<Outcome> | Outcome {
    if (!this.#transaction) return refuse('command-order', 'RCPT without MAIL');
    if (this.#transaction.chunked) return refuse('command-order', 'RCPT after BDAT');
    return this.#transaction.recipient(line);
  }

  data(line: string): Outcome {
    if (!this.#transaction) return refuse('command-order', 'DATA without MAIL');
    if (!/^DATA *$/i.test(line)) return refuse('command-syntax', 'DATA takes no parameter');
    // RFC 3030 §2 and §3: one or the other, and octets only by BDAT.
    if (this.#transaction.chunked) return refuse('command-order', 'DATA after BDAT');
    if (this.#transaction.binary) return refuse('command-order', 'DATA with BODY=BINARYMIME');
    const refusal = this.#transaction.mayHaveMessage();
    if (refusal) return refusal;
    this.#transaction.receive((verdict) => this.#ended(verdict));
    return { code: 354, lines: ['End data with <CR><LF>.<CR><LF>'] };
  }

  /** The octets are taken from the wire whatever the answer will be (RFC 3030 §2): none may be read as a command. */
  bdat(line: string): Outcome {
    const chunk = readChunk(line);
    if (isRefusal(chunk)) return this.#lost(chunk);
    if (chunk.octets === 0 && !chunk.last && ++this.#emptyChunks > MAX_EMPTY_CHUNKS)
      return refuse('too-many-commands', 'BDAT 0 again and again');
    if (this.#failed) return this.#goOnFailing(chunk, this.#failed);
    if (!this.#host.chunking)
      return this.#swallow(chunk, refuse('command-not-implemented', 'BDAT was not offered'));
    if (!this.#transaction) return this.#swallow(chunk, refuse('command-order', 'BDAT without MAIL'));
    const refusal = this.#transaction.mayHaveMessage();
    if (refusal) {
      this.abandon();
      if (!chunk.last) this.#failed = refusal;
      return this.#swallow(chunk, refusal);
    }
    this.#unfinished = !chunk.last;
    this.#transaction.receiveChunk(chunk, {
      onTaken: () => this.#host.answer(ownReply(250, '0.0', `${chunk.octets} octets received`)),
      onEnd: (verdict) => this.#ended(verdict),
    });
    return undefined;
  }

  /** BDAT at a time when no command of the kind may run: its octets are still no commands. */
  refuseChunk(line: string, refusal: Refusal): Outcome {
    const chunk = readChunk(line);
    return isRefusal(chunk) ? this.#lost(chunk) : this.#swallow(chunk, refusal);
  }

  /** Trust has ended. True where the client will hear it as the verdict on the message it is sending. */
  interrupt(refusal: Refusal): boolean {
    return this.#transaction?.interrupt(refusal) ?? false;
  }

  /** RSET, EHLO, or the client is gone. */
  abandon(): void {
    this.#transaction?.abandon();
    this.#transaction = undefined;
    this.#failed = undefined;
    this.#unfinished = false;
  }

  #ended(verdict: Reply | Refusal): void {
    this.#transaction = undefined;
    if (this.#unfinished) this.#failed = verdict;
    this.#unfinished = false;
    this.#emptyChunks = 0;
    if (!isRefusal(verdict) && verdict.code < 300) {
      this.messages += 1;
      this.#swallowed.forgive();
    }
    this.#host.messageEnded(verdict);
  }

  /** Where the next command begins can't be known. */
  #lost(refusal: Refusal): undefined {
    this.#host.answer(refuse('chunk-size-unknown', refusal.reason));
  }

  #swallow(chunk: Chunk, verdict: Refusal): undefined {
    const onEnd = (): void => this.#host.answer(verdict);
    this.#wire.startChunk(chunk.octets, this.#swallowed.next({ verdict, onEnd }));
  }

  /** A client that pipelines has more chunks on their way, and no error of its own in them: it may look at the last reply only. */
  #goOnFailing(chunk: Chunk, verdict: Reply | Refusal): undefined {
    const onEnd = (): void => {
      if (!chunk.last) return this.#wire.reply(replyWith(verdict, this.#wire.id));
      this.#failed = undefined;
      this.#host.messageEnded(verdict);
    };
    this.#wire.startChunk(chunk.octets, this.#swallowed.next({ verdict, onEnd }));
  }
}
