// Owns the repeated question of a live session whether its token is still good.

import type { Refusal } from '../../refusal.ts';
import type { Recheck } from '../../token/introspection/recheck.ts';

/**
 * Asks again and again until the token ends, one question at a time. Returns what ends it; no answer is heard after that, and the
 * token's text is let go.
 */
export function keepRechecking(options: {
  readonly recheck: Recheck;
  /** When the token ends; milliseconds since the epoch, as `now`. */
  readonly until: number;
  readonly now: () => number;
  readonly onRefused: (refusal: Refusal) => void;
}): () => void {
  const { until, now, onRefused } = options;
  let recheck: Recheck | undefined = options.recheck;
  let timer: NodeJS.Timeout | undefined;

  function wait({ every }: Recheck): void {
    // With an answer a quarter old at most, no token goes unasked for longer than `every`. By chance, or a thousand sessions
    // that came back together after a restart would all ask in one moment.
    timer = setTimeout(ask, every * (0.5 + Math.random() / 4)).unref();
  }

  async function ask(): Promise<void> {
    // The issuer would say no to any token that has ended; what becomes of its session is another setting.
    if (!recheck || now() >= until) return stop();
    const refusal = await recheck.check();
    if (!recheck) return;
    if (!refusal) return wait(recheck);
    recheck = undefined;
    onRefused(refusal);
  }

  function stop(): void {
    clearTimeout(timer);
    recheck = undefined;
  }

  wait(options.recheck);
  return stop;
}
