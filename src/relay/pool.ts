// Owns the kept connections to the upstream: how many, how long, who waits for one.

import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import { connectUpstream } from './connect.ts';
import { UpstreamDialogue } from './dialogue.ts';
import type { RelaySettings } from './settings.ts';

interface Idle {
  readonly dialogue: UpstreamDialogue;
  readonly timer: NodeJS.Timeout;
}

interface Waiting {
  readonly resolve: (outcome: UpstreamDialogue | Refusal) => void;
  /** `performance.now()` when it is given up. */
  readonly deadline: number;
  readonly timer: NodeJS.Timeout;
}

/** Errors without a delivery on one connection. Postfix slows a client down at 10 and hangs up at 20 (smtpd_soft_error_limit). */
const MAX_REFUSALS = 5;

export interface Pool {
  /** A kept connection, or a new one. `fresh` asks for a new one, because a kept one has just proved stale. */
  acquire(options: { fresh: boolean }): Promise<UpstreamDialogue | Refusal>;
  /** Gives a connection back that stands between two messages. */
  release(dialogue: UpstreamDialogue): void;
  close(): void;
  readonly size: number;
}

export function createPool(options: {
  settings: RelaySettings;
  name: string;
  onConnect: (outcome: UpstreamDialogue | Refusal) => void;
  onLost: (dialogue: UpstreamDialogue) => void;
}): Pool {
  const { settings } = options;
  const idle: Idle[] = [];
  const waiting: Waiting[] = [];
  const live = new Set<UpstreamDialogue>();
  let opening = 0;
  let closed = false;

  async function open(deadline: number): Promise<UpstreamDialogue | Refusal> {
    opening += 1;
    const ready = await connectUpstream({ settings, name: options.name });
    opening -= 1;
    const outcome = isRefusal(ready) ? ready : new UpstreamDialogue(ready);
    // It serves others of ours and takes no further one: busy, not down.
    if (isRefusal(outcome) && outcome.code === 'upstream-unavailable' && live.size > 0)
      return wait(deadline, outcome.reason);
    options.onConnect(outcome);
    if (isRefusal(outcome)) {
      wakeNext();
      return outcome;
    }
    live.add(outcome);
    outcome.whenLost(() => {
      options.onLost(outcome);
      forget(outcome);
    });
    return outcome;
  }

  function forget(dialogue: UpstreamDialogue): void {
    if (!live.delete(dialogue)) return;
    const at = idle.findIndex((entry) => entry.dialogue === dialogue);
    const [entry] = at === -1 ? [] : idle.splice(at, 1);
    if (entry) clearTimeout(entry.timer);
    wakeNext();
  }

  /** Room has come free: the one who waited longest opens a connection of its own. */
  function wakeNext(): void {
    const next = live.size + opening < settings.maxConnections ? waiting.shift() : undefined;
    if (!next) return;
    clearTimeout(next.timer);
    void open(next.deadline).then(next.resolve);
  }

  function wait(deadline: number, why: string): Promise<UpstreamDialogue | Refusal> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          waiting.splice(waiting.indexOf(entry), 1);
          resolve(refuse('upstream-busy', `no connection to the upstream came free: ${why}`));
        },
        Math.max(0, deadline - performance.now()),
      );
      const entry = { resolve, deadline, timer };
      waiting.push(entry);
    });
  }

  function retire(dialogue: UpstreamDialogue): void {
    dialogue.quit();
    forget(dialogue);
  }

  return {
    async acquire({ fresh }) {
      if (closed) return refuse('shutting-down', 'the relay is closed');
      // Newest first: the others grow old and are closed.
      for (let kept = fresh ? undefined : idle.pop(); kept; kept = idle.pop()) {
        clearTimeout(kept.timer);
        if (!kept.dialogue.early) return kept.dialogue;
        retire(kept.dialogue);
      }
      const deadline = performance.now() + settings.maxWait;
      if (live.size + opening < settings.maxConnections) return open(deadline);
      const stale = fresh ? idle.shift() : undefined;
      if (stale) {
        clearTimeout(stale.timer);
        stale.dialogue.quit();
        live.delete(stale.dialogue);
        return open(deadline);
      }
      return wait(deadline, `all ${settings.maxConnections} were in use`);
    },
    release(dialogue) {
      if (dialogue.lost) return forget(dialogue);
      const { early, messages, refusals } = dialogue;
      // Kept, it would make the next client pay for the unknown recipients of this one.
      if (closed || early || messages >= settings.maxMessagesPerConnection || refusals >= MAX_REFUSALS)
        return retire(dialogue);
      const next = waiting.shift();
      if (next) {
        clearTimeout(next.timer);
        return next.resolve(dialogue);
      }
      const timer = setTimeout(() => retire(dialogue), settings.idleTimeout);
      timer.unref();
      dialogue.kept = true;
      idle.push({ dialogue, timer });
    },
    close() {
      closed = true;
      for (const entry of idle.splice(0)) {
        clearTimeout(entry.timer);
        retire(entry.dialogue);
      }
      for (const entry of waiting.splice(0)) {
        clearTimeout(entry.timer);
        entry.resolve(refuse('shutting-down', 'the relay is closed'));
      }
    },
    get size() {
      return live.size + opening;
    },
  };
}
