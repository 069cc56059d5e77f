// Owns one mail transaction at the upstream: RCPT, the body, its end, or none of them.

import type { Path } from '../envelope.ts';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import type { UpstreamBody } from './body.ts';
import { isReply, type UpstreamDialogue } from './dialogue.ts';
import { parametersFor } from './parameters.ts';
import type { Pool } from './pool.ts';
import { isPositive, type Reply, sane } from './reply.ts';
import type { RelaySettings } from './settings.ts';

/**
 * Begun by an accepted MAIL. Exactly one of {@link RelayTransaction.finish}, {@link RelayTransaction.reset} and
 * {@link RelayTransaction.abort} ends it; whatever is called after that does nothing.
 */
export interface RelayTransaction {
  /** RCPT: the upstream's own reply. */
  recipient(path: Path): Promise<Reply | Refusal>;
  /** DATA, or what stands in its place: 354 where the body may follow. */
  data(): Promise<Reply | Refusal>;
  /** Body bytes as they stand on the wire, dot-stuffed. False: wait for {@link RelayTransaction.drained}. */
  write(bytes: Buffer | string): boolean;
  /** Resolves when more may be written; also when the upstream will take no more, see {@link RelayTransaction.verdict}. */
  drained(): Promise<void>;
  /** Set once the upstream has refused in mid-message or is lost: nothing more need be written. */
  readonly verdict: Reply | Refusal | undefined;
  /** The last bytes, the final dot, and the upstream's verdict on the message. */
  finish(last: Buffer | undefined): Promise<Reply | Refusal>;
  /**
   * Gives the transaction up and resolves when the upstream has forgotten it. Before DATA the connection is kept; after DATA, or
   * with a reply owed, it is cut: the final dot is never sent.
   */
  reset(): Promise<void>;
  /** The same, without waiting. */
  abort(): void;
}

export function createTransaction(options: {
  dialogue: UpstreamDialogue;
  pool: Pool;
  settings: RelaySettings;
  body: UpstreamBody;
}): RelayTransaction {
  const { dialogue, pool, settings, body } = options;
  let state: 'envelope' | 'body' | 'ended' = 'envelope';

  function give(): void {
    state = 'ended';
    pool.release(dialogue);
  }

  function cut(): void {
    state = 'ended';
    dialogue.destroy();
  }

  return {
    async recipient(path) {
      if (state !== 'envelope') return refuse('upstream-lost', 'transaction is over');
      const parameters = parametersFor(path.parameters, dialogue.capabilities);
      if (isRefusal(parameters)) return parameters;
      return sane(
        await dialogue.command(`RCPT TO:<${path.address}>${parameters}`, settings.replyTimeout),
        [2, 4, 5],
      );
    },
    async data() {
      if (state !== 'envelope') return refuse('upstream-lost', 'transaction is over');
      const outcome = await body.begin();
      if (isReply(outcome) && outcome.code === 354) state = 'body';
      return outcome;
    },
    write: (bytes) => state !== 'body' || body.write(bytes),
    drained: () => body.drained(),
    get verdict() {
      return body.verdict;
    },
    async finish(last) {
      if (state !== 'body') return refuse('upstream-lost', 'transaction is over');
      const outcome = body.verdict ?? (await body.finish(last));
      if (!body.complete) {
        cut();
        return outcome;
      }
      dialogue.messages += 1;
      if (!isRefusal(outcome) && isPositive(outcome)) dialogue.refusals = 0;
      give();
      return outcome;
    },
    async reset() {
      if (state === 'ended') return;
      // A client that vanishes may leave a command unanswered: with its reply under way the connection serves no one else.
      if (state === 'body' || dialogue.owed) return cut();
      state = 'ended';
      const outcome = await dialogue.command('RSET', settings.replyTimeout);
      if (isReply(outcome) && outcome.code === 250) pool.release(dialogue);
      else dialogue.destroy();
    },
    abort() {
      void this.reset();
    },
  };
}
