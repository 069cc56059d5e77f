// Owns an answer of DNS over time: asked once for all who wait, kept for a minute, and used beyond it while DNS fails (RFC 8767).

import type { Answer } from './answer.ts';

/** node tells no time to live for MX and SRV. Milliseconds, as all here. */
const FRESH = 60_000;
/** After a "no" or no word at all. */
const ASK_AGAIN = 10_000;
/** RFC 8767 §5, client response timer: somebody waits who could be served with the older answer. */
const PATIENCE = 1_800;
/** RFC 8767 §5, maximum stale timer: an address may belong to somebody else by then. */
const MAX_STALE = 3 * 24 * 3_600_000;

/**
 * @param options.ask never rejects, ends in a bounded time; is given the older answer, for those parts that are not to be had now
 * @param options.now milliseconds of a clock that only goes forward
 */
export function keepAnswer<T>(options: {
  ask: (older: T | undefined) => Promise<Answer<T>>;
  now: () => number;
}): () => Promise<Answer<T>> {
  const { ask, now } = options;
  let found: { readonly value: T; readonly at: number } | undefined;
  let failure: { readonly answer: Answer<T>; readonly at: number } | undefined;
  let flight: Promise<Answer<T>> | undefined;

  /** A definite "no" replaces what was known; no word at all does not. */
  function keep(answer: Answer<T>): Answer<T> {
    if (answer.outcome === 'found') {
      found = { value: answer.found, at: now() };
      failure = undefined;
    } else {
      failure = { answer, at: now() };
      if (answer.outcome === 'none') found = undefined;
    }
    return usable() ?? answer;
  }

  function usable(): Answer<T> | undefined {
    return found !== undefined && now() - found.at < MAX_STALE
      ? { outcome: 'found', found: found.value }
      : undefined;
  }

  return async () => {
    const older = usable();
    if (older !== undefined && found !== undefined && now() - found.at < FRESH) return older;
    if (failure !== undefined && now() - failure.at < ASK_AGAIN) return older ?? failure.answer;
    flight ??= ask(found?.value)
      .then(keep)
      .finally(() => {
        flight = undefined;
      });
    if (older === undefined) return flight;
    // While it fails nobody is made to wait again for what will probably fail again.
    return failure === undefined ? await withinPatience(flight, older) : older;
  };
}

async function withinPatience<T>(flight: Promise<T>, older: T): Promise<T> {
  const { promise: enough, resolve } = Promise.withResolvers<T>();
  const timer = setTimeout(() => resolve(older), PATIENCE);
  return await Promise.race([flight, enough]).finally(() => clearTimeout(timer));
}
