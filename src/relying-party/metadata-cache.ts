// Keeps an issuer's metadata and keys: found when first needed, renewed at leisure, asked for gently while it is down.

import type { ServerMetadata } from 'openid-client';
import { isRefusal, type Refusal } from '../refusal.ts';

// Milliseconds.
const RENEW_AFTER = 3_600_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

export interface MetadataCache {
  /**
   * The metadata, fetched where there are none or where the last contact failed. After a failure the issuer is left
   * alone for 1 s, doubling to 60 s, and the refusal repeats the last reason.
   */
  get(): Promise<ServerMetadata | Refusal>;
  /** As `get`, but anything older than `age` (milliseconds) is fetched again. */
  getNewerThan(age: number): Promise<ServerMetadata | Refusal>;
  /** What is known without asking anybody. */
  peek(): ServerMetadata | undefined;
  /** Told when another request to the issuer went through. */
  reached(): void;
  /** Told when another request failed: the next `get` asks before it sends a person there. */
  suspect(): void;
}

/** `load` makes one attempt; it is never called twice at once. `now` is in milliseconds. */
export function createMetadataCache(options: {
  readonly load: () => Promise<ServerMetadata | Refusal>;
  readonly now: () => number;
}): MetadataCache {
  const { load, now } = options;
  let known: ServerMetadata | undefined;
  let fetchedAt = 0;
  let reachedAt = 0;
  let isSuspect = false;
  let pending: Promise<ServerMetadata | Refusal> | undefined;
  let failure: { readonly refusal: Refusal; readonly pause: number; readonly until: number } | undefined;

  async function attempt(): Promise<ServerMetadata | Refusal> {
    const result = await load();
    if (isRefusal(result)) {
      const pause = failure === undefined ? FIRST_PAUSE : Math.min(failure.pause * 2, LONGEST_PAUSE);
      failure = { refusal: result, pause, until: now() + pause };
      isSuspect = true;
      return result;
    }
    known = result;
    fetchedAt = reachedAt = now();
    isSuspect = false;
    failure = undefined;
    return result;
  }

  function fetchOnce(): Promise<ServerMetadata | Refusal> {
    if (pending === undefined && failure !== undefined && now() < failure.until) {
      return Promise.resolve(failure.refusal);
    }
    pending ??= attempt().finally(() => {
      pending = undefined;
    });
    return pending;
  }

  return {
    async get() {
      if (known === undefined || isSuspect) return fetchOnce();
      // The old metadata serve while new ones are fetched.
      if (now() - fetchedAt > RENEW_AFTER) fetchOnce().catch(() => undefined);
      return known;
    },
    async getNewerThan(age) {
      return known === undefined || isSuspect || now() - reachedAt > age ? fetchOnce() : known;
    },
    peek: () => known,
    reached() {
      reachedAt = now();
    },
    suspect() {
      isSuspect = true;
    },
  };
}
