// Owns the upstream as the submission door sees it: begin a transaction, ask what it can do, is it there.

import type { Path } from '../envelope.ts';
import { isRefusal, type Refusal } from '../refusal.ts';
import { BinaryBody, TextBody } from './body.ts';
import type { Capabilities } from './capabilities.ts';
import type { UpstreamDialogue } from './dialogue.ts';
import { Knowledge } from './knowledge.ts';
import { isBinary, parametersFor } from './parameters.ts';
import { createPool } from './pool.ts';
import { isPositive, type Reply, sane } from './reply.ts';
import type { RelaySettings } from './settings.ts';
import { createTransaction, type RelayTransaction } from './transaction.ts';

/** MAIL was put to the upstream: its reply, and the transaction where it said yes. */
export interface Begun {
  readonly reply: Reply;
  readonly transaction: RelayTransaction | undefined;
}

export interface Relay {
  /**
   * Puts MAIL to the upstream. Refuses `upstream-unavailable`, `-timeout`, `-lost`, `-busy`, `-login`, `-protocol` and, where
   * the upstream lacks what the message needs, as in `parameters.ts`; its own 4xx and 5xx are replies, not refusals.
   */
  begin(mailFrom: Path): Promise<Begun | Refusal>;
  /** What the upstream offered when it was last spoken to; undefined before the first contact. */
  capabilities(): Capabilities | undefined;
  /** The same, after asking it anew where that may have changed; takes two seconds at most. */
  currentCapabilities(): Promise<Capabilities | undefined>;
  /** Speaks with the upstream where that was not done of late; undefined where it is there. */
  probe(): Promise<Refusal | undefined>;
  /** Told at each change between reachable and not; the refusal says why not. */
  onChange(listener: (down: Refusal | undefined) => void): void;
  close(): void;
}

/** @param options.hostname the name given in EHLO where the settings name none */
export function createRelay(options: { settings: RelaySettings; hostname: string }): Relay {
  const { settings } = options;
  const knowledge: Knowledge = new Knowledge({
    ask: () => contact({ fresh: true }),
    connections: () => pool.size,
  });
  const pool = createPool({
    settings,
    name: settings.name ?? options.hostname,
    onConnect: (outcome) => knowledge.connected(outcome),
    onLost: (dialogue) => knowledge.lost(dialogue),
  });

  async function contact(how: { fresh: boolean }): Promise<Refusal | undefined> {
    const dialogue = await pool.acquire(how);
    if (isRefusal(dialogue)) return dialogue;
    pool.release(dialogue);
    return undefined;
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
    if (isPositive(outcome)) {
      const body = new (isBinary(mailFrom) ? BinaryBody : TextBody)(dialogue, settings);
      return { reply: outcome, transaction: createTransaction({ dialogue, pool, settings, body }) };
    }
    pool.release(dialogue);
    return { reply: outcome, transaction: undefined };
  }

  /** A kept connection lacks what the upstream, since it was made, has learnt to offer. */
  function outdated(dialogue: UpstreamDialogue, { parameters }: Path): boolean {
    const { capabilities } = knowledge;
    if (!dialogue.kept || !capabilities || capabilities === dialogue.capabilities) return false;
    return (
      isRefusal(parametersFor(parameters, dialogue.capabilities)) &&
      !isRefusal(parametersFor(parameters, capabilities))
    );
  }

  return {
    async begin(mailFrom) {
      const first = await pool.acquire({ fresh: false });
      if (isRefusal(first)) return first;
      if (outdated(first, mailFrom)) {
        first.quit();
        pool.release(first);
      } else {
        const outcome = await mail(first, mailFrom);
        // The upstream may have closed a kept connection just as MAIL went out; nothing has been sent, so a fresh one is safe.
        if (!first.kept || !isRefusal(outcome) || !first.lost || outcome.code === 'upstream-timeout')
          return outcome;
      }
      const second = await pool.acquire({ fresh: true });
      return isRefusal(second) ? second : mail(second, mailFrom);
    },
    capabilities: () => knowledge.capabilities,
    currentCapabilities: () => knowledge.current(),
    async probe() {
      if (knowledge.contacted && !knowledge.down && pool.size > 0) return undefined;
      return contact({ fresh: false });
    },
    onChange: (listener) => knowledge.onChange(listener),
    close: () => pool.close(),
  };
}
