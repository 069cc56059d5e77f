// Owns the looking after files that may change: one look after the other, again and again, and something once a day besides.

import type { WatchedFiles } from './watched-files.ts';

const DAY = 86_400_000;
/** Milliseconds before the end of a certificate at which it is told of. */
export const WARN_BEFORE = 14 * DAY;

export function daily(now: () => number, act: () => void): () => void {
  let actedAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (now() - actedAt < DAY) return;
    actedAt = now();
    act();
  };
}

/** Looks at one after the other, again and again, never at two things at once; keeps no process alive. */
export function lookAfter(
  watched: readonly Pick<WatchedFiles<unknown>, 'look'>[],
  every: number,
  alongside: () => void,
): { now(): Promise<void>; end(): void } {
  let last: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  function look(how: { atOnce: boolean }): Promise<void> {
    last = last.then(async () => {
      for (const each of watched) await each.look(how);
    });
    return last;
  }
  function wait(): void {
    if (isOver) return;
    timer = setTimeout(() => {
      alongside();
      void look({ atOnce: false }).finally(wait);
    }, every).unref();
  }
  wait();
  return {
    now: () => look({ atOnce: true }),
    end() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
