// Owns one mail transaction at the upstream: RCPT, the body, its end, or none of them.

import type { Path } from '../../envelope.ts';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import { isReply, type UpstreamDialogue } from '../connection/dialogue.ts';
import { isPositive, type Reply, sane } from '../connection/reply.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { UpstreamBody } from './body.ts';
import { parametersFor } from './parameters.ts';

/**
 * Begun by an accepted MAIL. Exactly one of {@link RelayTransaction.finish}, {@link RelayTransaction.reset} and
 * {@link RelayTransaction.abort} ends it; whatever is called after that does nothing.
 */
export interface RelayTransaction {
  /** `id` of the upstream that has it. */
  readonly upstream: string;
  /** RCPT: the upstream's own reply. */
  recipient(path: Path): Promise<Reply | Refusal>;
  /**
   * NOOP, before DATA only: an upstream hangs up on who is silent for minutes (RFC 5321 §4.5.3.2.7). Resolves when it is answered;
   * a connection that is lost shows with the next command.
   */
  keepAlive?(): Promise<void>;
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

/**
 * @param options.release takes the connection back, which serves the next message
 * @param options.onEnd told once: whether the upstream has, or may have, the whole message
 */
export function createTransaction(options: {
  upstream: string;
  dialogue: UpstreamDialogue;
  settings: UpstreamSettings;
  body: UpstreamBody;
  release: () => void;
  onEnd: (sent: boolean) => void;
}): RelayTransaction {
  const { upstream, dialogue, settings, body, release, onEnd } = options;
  let state: 'envelope' | 'body' | 'ended' = 'envelope';

  function end(sent: boolean): void {
    state = 'ended';
    onEnd(sent);
  }

  function cut(): void {
    end(false);
    dialogue.destroy();
  }

  /** A reply that answers no such command: which one the next would answer, and whether this one was carried out, nobody knows. */
  function trusted(outcome: Reply | Refusal): Reply | Refusal {
    if (isRefusal(outcome) && outcome.code === 'upstream-protocol') dialogue.fail(outcome);
    return outcome;
  }

  return {
    upstream,
    async recipient(path) {
      if (state !== 'envelope') return refuse('upstream-lost', 'transaction is over');
      const parameters = parametersFor(path.parameters, dialogue.capabilities);
      if (isRefusal(parameters)) return parameters;
      return trusted(
        sane(
          await dialogue.command(`RCPT TO:<${path.address}>${parameters}`, settings.replyTimeout),
          [2, 4, 5],
        ),
      );
    },
    async keepAlive() {
      if (state === 'envelope' && !dialogue.owed) await dialogue.command('NOOP', settings.replyTimeout);
    },
    async data() {
      if (state !== 'envelope') return refuse('upstream-lost', 'transaction is over');
      const outcome = trusted(await body.begin());
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
      const outcome = trusted(body.verdict ?? (await body.finish(last)));
      if (!body.complete) {
        cut();
        return outcome;
      }
      dialogue.messages += 1;
      if (!isRefusal(outcome) && isPositive(outcome)) dialogue.refusals = 0;
      end(true);
      release();
      return outcome;
    },
    async reset() {
      if (state === 'ended') return;
      // A client that vanishes may leave a command unanswered: with its reply under way the connection serves no one else.
      if (state === 'body' || dialogue.owed) return cut();
      end(false);
      const outcome = await dialogue.command('RSET', settings.replyTimeout);
      if (!isReply(outcome) || outcome.code !== 250) dialogue.destroy();
      release();
    },
    abort() {
      void this.reset();
    },
  };
}
