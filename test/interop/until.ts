// Owns the waiting for what another process does: looked for again and again, for a limited time.

import { setTimeout as delay } from 'node:timers/promises';

const EVERY = 20;

/** The first value that is not undefined or false. Rejects, saying what was awaited, after `limit` milliseconds. */
export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  limit = 60_000,
): Promise<T> {
  for (const end = performance.now() + limit; ; ) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`waited ${limit} ms for ${what}`);
    await delay(EVERY);
  }
}
