// When signing keys are made, take over and go: pure arithmetic on their ages.

import { MAX_LEEWAY, type TokenSettings } from '../settings.ts';
import type { StoredKey } from './key-store.ts';

/** All in milliseconds. */
export interface KeySchedule {
  /** Age at which a key is relieved by the next. */
  readonly rotateEvery: number;
  /** How long a key is published before it signs: caches of the key set must have it by then. */
  readonly publishAhead: number;
  /** Longest life of anything signed. */
  readonly maxTokenLifetime: number;
}

/** Nodes that were late to see the new key may have signed with the old one this much longer. */
const NODE_DELAY = 3_600_000;

export function keySchedule(settings: TokenSettings['signingKeys'], maxTokenLifetime: number): KeySchedule {
  const { rotateEvery, publishAhead } = settings;
  // A key published ahead for longer than it then signs would have its successor made before it ever signs.
  return { rotateEvery, publishAhead: Math.min(publishAhead, rotateEvery / 2), maxTokenLifetime };
}

/** The newest key that has been published long enough; the very first signs at once. `keys` oldest first, `now` in milliseconds. */
export function signingKey(
  keys: readonly StoredKey[],
  now: number,
  { publishAhead }: KeySchedule,
): StoredKey | undefined {
  return keys.findLast((key) => key.createdAt * 1000 + publishAhead <= now) ?? keys[0];
}

export function isKeyDue(keys: readonly StoredKey[], now: number, schedule: KeySchedule): boolean {
  const newest = keys.at(-1);
  return !newest || newest.createdAt * 1000 + schedule.rotateEvery - schedule.publishAhead <= now;
}

/** The keys whose last token has expired everywhere. */
export function retiredKeys(keys: readonly StoredKey[], now: number, schedule: KeySchedule): StoredKey[] {
  const keptAfterRelief = schedule.maxTokenLifetime + MAX_LEEWAY + NODE_DELAY;
  return keys.filter((_key, index) => {
    const successor = keys[index + 1];
    if (!successor) return false;
    const relievedAt = successor.createdAt * 1000 + schedule.publishAhead;
    return relievedAt + keptAfterRelief <= now;
  });
}
