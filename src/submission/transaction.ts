// Owns one mail transaction of a session: MAIL, each RCPT and the message are put to the upstream, whose answers go to the client.

import type { Path } from '../envelope.ts';
import { checkMailFrom } from '../policy/policy.ts';
import { type Principal, principalName } from '../principal.ts';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import { isPositive, type Reply, replyText } from '../relay/connection/reply.ts';
import type { Origin } from '../relay/origin.ts';
import { isBinary } from '../relay/transaction/parameters.ts';
import type { RelayTransaction } from '../relay/transaction/transaction.ts';
import type { TrustedNetwork } from './access/trusted-networks.ts';
import type { Door, Wire } from './door.ts';
import { type Chunk, Chunks } from './message/chunks.ts';
import { gathering } from './message/gathering.ts';
import type { HeaderContext } from './message/header/repair.ts';
import { Message, type MessageOutcome, type MessageStage } from './message/message.ts';
import { signing } from './message/signing.ts';
import { checkMailParameters, checkRecipientParameters, sizeLimit } from './parameters.ts';
import { readPath } from './path.ts';
import { replyTo } from './replies.ts';

/** Refused recipients of one transaction: a list may hold many dead addresses, but no client asks without end. */
const MAX_REFUSED_RECIPIENTS = 1000;

export interface TransactionContext {
  readonly door: Door;
  readonly wire: Wire;
  readonly principal: Principal;
  /** EHLO argument. */
  readonly clientName: string;
  /** Where its network and no sign-in lets the client in. */
  readonly network: TrustedNetwork | undefined;
  /** The same as the relay sees it. */
  readonly origin: Origin;
  /** Number of the message in the session, from 1. */
  readonly number: number;
}

/** A transaction that the upstream has agreed to begin. */
export class Transaction {
  readonly #context: TransactionContext;
  readonly #mailFrom: Path;
  readonly #upstream: RelayTransaction;
  readonly #started = performance.now();
  #recipients = 0;
  #attempts = 0;
  #message: Message | undefined;
  #chunks: Chunks | undefined;
  /** True where the client has begun to send what will be answered with the verdict on the message. */
  #awaited = false;
  /** Runs while the envelope is open; a message has a pace to keep. */
  readonly #deadline: NodeJS.Timeout;

  private constructor(context: TransactionContext, mailFrom: Path, upstream: RelayTransaction) {
    this.#context = context;
    this.#mailFrom = mailFrom;
    this.#upstream = upstream;
    this.#deadline = setTimeout(() => this.#tooLong(), context.door.settings.maxTransaction).unref();
  }

  /** MAIL: checks it, puts it to the upstream; the transaction where both say yes. */
  static async begin(
    line: string,
    context: TransactionContext,
  ): Promise<{ verdict: Reply | Refusal; transaction: Transaction | undefined }> {
    const { door, principal } = context;
    const path = readPath(line, 'MAIL FROM', door.settings.qualifiedDomains);
    const limit = sizeLimit(door.settings.maxMessageBytes, door.relay.capabilities(context.origin));
    const refusal = isRefusal(path)
      ? path
      : (checkMailParameters(path, { limit, secure: context.wire.secure }) ??
        checkMailFrom(principal, path.address));
    if (refusal || isRefusal(path)) return no(context, 'mail', refusal as Refusal);
    const begun = await door.relay.begin(path, context.origin);
    if (isRefusal(begun)) return no(context, 'mail', begun);
    if (!begun.transaction) return no(context, 'mail', begun.reply, begun.upstream);
    return { verdict: begun.reply, transaction: new Transaction(context, path, begun.transaction) };
  }

  /** RCPT: the upstream's own answer for each recipient. */
  async recipient(line: string): Promise<Reply | Refusal> {
    const verdict = await this.#recipient(line);
    if (!isRefusal(verdict) && isPositive(verdict)) this.#recipients += 1;
    else reportRefusal(this.#context, 'recipient', verdict, this.#upstream.upstream);
    return verdict;
  }

  async #recipient(line: string): Promise<Reply | Refusal> {
    const { door, network } = this.#context;
    this.#attempts += 1;
    if (this.#attempts - this.#recipients > MAX_REFUSED_RECIPIENTS) {
      return refuse('too-many-commands', `more than ${MAX_REFUSED_RECIPIENTS} refused recipients`);
    }
    const path = readPath(line, 'RCPT TO', door.settings.qualifiedDomains);
    if (isRefusal(path)) return path;
    const refusal = checkRecipientParameters(path, this.#mailFrom.parameters['SMTPUTF8'] === true);
    if (refusal) return refusal;
    const most = Math.min(door.settings.maxRecipients, network?.settings.maxRecipients ?? Infinity);
    if (this.#recipients >= most) return refuse('too-many-recipients', `more than ${most}`);
    return this.#upstream.recipient(path);
  }

  /** Whether a message may follow; where no recipient was taken the upstream would say the same (RFC 5321 §3.3). */
  mayHaveMessage(): Refusal | undefined {
    if (this.#recipients > 0) return undefined;
    return refuse(
      this.#attempts > 0 ? 'no-valid-recipients' : 'command-order',
      'a message without an accepted recipient',
    );
  }

  /** Takes the message from the wire; `onEnd` gets the verdict once the upstream has given it. */
  receive(onEnd: (verdict: Reply | Refusal) => void): void {
    this.#awaited = true;
    this.#context.wire.startMessage(this.#begin(this.#upstream, onEnd));
  }

  /**
   * Takes a chunk of the message from the wire. `onTaken` is told where more is to follow; `onEnd` gets the verdict, which comes
   * with the last chunk, or with the one that the message is refused for.
   */
  receiveChunk(chunk: Chunk, told: { onTaken: () => void; onEnd: (verdict: Reply | Refusal) => void }): void {
    const { wire } = this.#context;
    this.#chunks ??= new Chunks({
      message: this.#begin(gathering(this.#upstream), told.onEnd),
      binary: this.binary,
      maxMessageBytes: this.#maxMessageBytes,
    });
    this.#awaited = true;
    const onTaken = (): void => {
      this.#awaited = false;
      told.onTaken();
    };
    wire.startChunk(chunk.octets, this.#chunks.next(chunk, onTaken));
  }

  #begin(transaction: RelayTransaction, onEnd: (verdict: Reply | Refusal) => void): Message {
    const { door, wire } = this.#context;
    clearTimeout(this.#deadline);
    this.#message = new Message({
      transaction,
      header: this.#header(),
      // RFC 6376 §5.3: octets that are no lines would be converted on their way, and the signature would break.
      ...(door.dkim &&
        !this.binary && { signing: signing(transaction, { dkim: door.dkim, time: door.now() }) }),
      maxHeaderBytes: door.settings.maxHeaderBytes,
      maxMessageBytes: this.#maxMessageBytes,
      minBytesPerSecond: door.settings.minBytesPerSecond,
      onTooSlow: () => {
        wire.reply(replyTo('session-idle', wire.id));
        wire.hangUp('too slow');
      },
      onEndless: (outcome) => {
        const { verdict } = outcome;
        this.#report(outcome);
        wire.reply(isRefusal(verdict) ? replyTo(verdict, wire.id) : verdict);
        wire.hangUp('sent on and on after a refusal');
      },
      onOutcome: (outcome) => {
        this.#report(outcome);
        onEnd(outcome.verdict);
      },
    });
    return this.#message;
  }

  get #maxMessageBytes(): number {
    const { door, origin } = this.#context;
    return sizeLimit(door.settings.maxMessageBytes, door.relay.capabilities(origin));
  }

  #header(): HeaderContext {
    const { door, wire, principal, clientName, network, number } = this.#context;
    return {
      settings: door.settings.header,
      qualifiedDomains: door.settings.qualifiedDomains,
      principal,
      mailFrom: this.#mailFrom.address,
      trace: {
        hostname: door.settings.hostname,
        clientName,
        clientAddress: wire.peer,
        id: `${wire.id}.${number}`,
        cipher: wire.tls()?.cipher,
        signedIn: network === undefined,
        utf8: this.#mailFrom.parameters['SMTPUTF8'] === true,
        time: new Date(door.now()),
      },
    };
  }

  /** True from DATA or the first BDAT on. */
  get receiving(): boolean {
    return this.#message !== undefined;
  }

  /** True where the message comes by BDAT. */
  get chunked(): boolean {
    return this.#chunks !== undefined;
  }

  /** True where the body is octets, not lines. */
  get binary(): boolean {
    return isBinary(this.#mailFrom);
  }

  /** Trust has ended: the upstream forgets the transaction. True where the client will hear it as the message's verdict. */
  interrupt(refusal: Refusal): boolean {
    if (this.#message) this.#message.interrupt(refusal);
    else this.#upstream.abort();
    return this.#awaited;
  }

  /** RSET, EHLO, QUIT, or the client is gone: the upstream is told, or cut off where the body had begun. */
  abandon(): void {
    clearTimeout(this.#deadline);
    if (this.#message) this.#message.abandon();
    else this.#upstream.abort();
  }

  /** A client that names a recipient every few minutes is never idle, and would hold the upstream's connection for hours. */
  #tooLong(): void {
    const { wire } = this.#context;
    wire.reply(replyTo('transaction-too-long', wire.id));
    wire.hangUp('transaction-too-long');
  }

  #report({ verdict, stage, bytes, signedWith }: MessageOutcome): void {
    if (isRefusal(verdict) || !isPositive(verdict))
      return reportRefusal(this.#context, stage, verdict, this.#upstream.upstream);
    const { door, wire, principal } = this.#context;
    door.audit.messageAccepted({
      session: wire.id,
      peer: wire.peer,
      user: principalName(principal),
      client: principal.clientId,
      tokenId: principal.tokenId,
      mailFrom: this.#mailFrom.address,
      recipients: this.#recipients,
      bytes,
      ...(signedWith && { dkim: signedWith }),
      upstream: this.#upstream.upstream,
      upstreamReply: replyText(verdict),
      milliseconds: Math.round(performance.now() - this.#started),
    });
  }
}

function no(context: TransactionContext, stage: 'mail', verdict: Reply | Refusal, upstream?: string) {
  reportRefusal(context, stage, verdict, upstream);
  return { verdict, transaction: undefined };
}

function reportRefusal(
  context: TransactionContext,
  stage: 'mail' | 'recipient' | MessageStage,
  verdict: Reply | Refusal,
  upstream?: string,
): void {
  const { door, wire, principal } = context;
  const refusal = isRefusal(verdict) ? verdict : refuse('upstream-refused', 'the upstream’s own answer');
  door.audit.messageRefused({
    session: wire.id,
    peer: wire.peer,
    user: principalName(principal),
    client: principal.clientId,
    stage,
    code: refusal.code,
    reason: refusal.reason,
    ...(upstream === undefined ? {} : { upstream }),
    ...(isRefusal(verdict) ? {} : { upstreamReply: replyText(verdict) }),
  });
}
