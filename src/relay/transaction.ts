// Owns one mail transaction at the upstream: RCPT, DATA, the body, the final dot, or none of them.

import type { Path } from '../envelope.ts';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import { isReply, type UpstreamDialogue } from './dialogue.ts';
import { parametersFor } from './parameters.ts';
import type { Pool } from './pool.ts';
import type { Reply } from './reply.ts';
import type { RelaySettings } from './settings.ts';

/**
 * Begun by an accepted MAIL. Exactly one of {@link RelayTransaction.finish}, {@link RelayTransaction.reset} and
 * {@link RelayTransaction.abort} ends it; whatever is called after that does nothing.
 */
export interface RelayTransaction {
  /** RCPT: the upstream's own reply. */
  recipient(path: Path): Promise<Reply | Refusal>;
  /** DATA: 354 where the body may follow. */
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
}): RelayTransaction {
  const { dialogue, pool, settings } = options;
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
      const outcome = sane(await dialogue.command('DATA', settings.replyTimeout), [3, 4, 5]);
      if (isReply(outcome) && outcome.code === 354) state = 'body';
      return outcome;
    },
    write: (bytes) => state !== 'body' || dialogue.write(bytes),
    drained: () => dialogue.drained(settings.replyTimeout),
    get verdict() {
      return dialogue.early ? sane(dialogue.early, [4, 5]) : dialogue.lost;
    },
    async finish(last) {
      if (state !== 'body') return refuse('upstream-lost', 'transaction is over');
      const verdict = this.verdict;
      if (verdict) {
        cut();
        return verdict;
      }
      dialogue.cork();
      if (last) dialogue.write(last);
      dialogue.write('.\r\n');
      dialogue.uncork();
      const outcome = sane(await dialogue.reply(settings.finalReplyTimeout), [2, 4, 5]);
      dialogue.messages += 1;
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

/** Takes only the reply classes that may answer the command; anything else is nonsense and no verdict. */
export function sane(outcome: Reply | Refusal, classes: readonly number[]): Reply | Refusal {
  if (isRefusal(outcome)) return outcome;
  if (UPSTREAM_WANTS_LOGIN.has(outcome.code)) {
    // Passed on, the client would take it for a failure of its own sign-in and drop its token.
    return refuse(
      'upstream-login',
      `upstream asks Postern to sign in or to use TLS: ${outcome.code} ${outcome.lines[0]}`,
    );
  }
  if (classes.includes(Math.floor(outcome.code / 100))) return outcome;
  return refuse('upstream-protocol', `upstream answered ${outcome.code} out of turn`);
}

const UPSTREAM_WANTS_LOGIN = new Set([432, 454, 530, 534, 535, 538]);
