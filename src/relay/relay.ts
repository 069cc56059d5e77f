// Owns the upstream as the submission door sees it: begin a transaction, ask what it can do, is it there.

import type { Path } from '../envelope.ts';
import { isRefusal, type Refusal } from '../refusal.ts';
import type { Capabilities } from './capabilities.ts';
import type { UpstreamDialogue } from './dialogue.ts';
import { parametersFor } from './parameters.ts';
import { createPool } from './pool.ts';
import { isPositive, type Reply } from './reply.ts';
import type { RelaySettings } from './settings.ts';
import { createTransaction, type RelayTransaction, sane } from './transaction.ts';

/** MAIL was put to the upstream: its reply, and the transaction where it said yes. */
export interface Begun {
  readonly reply: Reply;
  readonly transaction: RelayTransaction | undefined;
}

export interface Relay {
  /**
   * Puts MAIL to the upstream. Refuses `upstream-unavailable`, `-timeout`, `-lost`, `-busy`, `-login`, `-protocol` and
   * `extension-unavailable`; the upstream's own 4xx and 5xx are replies, not refusals.
   */
  begin(mailFrom: Path): Promise<Begun | Refusal>;
  /** What the upstream offered when it was last spoken to; undefined before the first contact. */
  capabilities(): Capabilities | undefined;
  /** Speaks with the upstream where that was not done of late; undefined where it is there. */
  probe(): Promise<Refusal | undefined>;
  /** Told at each change between reachable and not; the refusal says why not. */
  onChange(listener: (down: Refusal | undefined) => void): void;
  close(): void;
}

/** @param options.hostname the name given in EHLO where the settings name none */
export function createRelay(options: { settings: RelaySettings; hostname: string }): Relay {
  const { settings } = options;
  let known: Capabilities | undefined;
  let down: Refusal | undefined;
  let contacted = false;
  const listeners: ((down: Refusal | undefined) => void)[] = [];
  const pool = createPool({ settings, name: settings.name ?? options.hostname, onConnect: note });

  function note(outcome: UpstreamDialogue | Refusal): void {
    const now = isRefusal(outcome) ? outcome : undefined;
    const changed = !contacted || Boolean(now) !== Boolean(down);
    contacted = true;
    down = now;
    if (!isRefusal(outcome)) known = outcome.capabilities;
    if (changed) for (const listener of listeners) listener(now);
  }

  async function mail(dialogue: UpstreamDialogue, mailFrom: Path): Promise<Begun | Refusal> {
    const parameters = parametersFor(mailFrom.parameters, dialogue.capabilities);
    if (isRefusal(parameters)) {
      pool.release(dialogue);
      return parameters;
    }
    const outcome = sane(
      await dialogue.command(`MAIL FROM:<${mailFrom.address}>${parameters}`, settings.replyTimeout),
      [2, 4, 5],
    );
    if (isRefusal(outcome)) {
      dialogue.destroy();
      return outcome;
    }
    if (isPositive(outcome))
      return { reply: outcome, transaction: createTransaction({ dialogue, pool, settings }) };
    pool.release(dialogue);
    return { reply: outcome, transaction: undefined };
  }

  return {
    async begin(mailFrom) {
      const first = await pool.acquire({ fresh: false });
      if (isRefusal(first)) return first;
      const outcome = await mail(first, mailFrom);
      // The upstream may have closed a kept connection just as MAIL went out; nothing has been sent, so a fresh one is safe.
      if (!first.kept || !isRefusal(outcome) || !first.lost || outcome.code === 'upstream-timeout')
        return outcome;
      const second = await pool.acquire({ fresh: true });
      return isRefusal(second) ? second : mail(second, mailFrom);
    },
    capabilities: () => known,
    async probe() {
      if (contacted && !down && pool.size > 0) return undefined;
      const dialogue = await pool.acquire({ fresh: false });
      if (isRefusal(dialogue)) return dialogue;
      pool.release(dialogue);
      return undefined;
    },
    onChange: (listener) => void listeners.push(listener),
    close: () => pool.close(),
  };
}
