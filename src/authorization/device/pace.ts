// Owns how often a device may ask whether the person is done: one that asks too often is told to slow down (RFC 8628 §3.5).

import { createHash } from 'node:crypto';

/** Milliseconds that an answer may have been late and the next question early. */
const TOLERANCE = 500;
/** RFC 8628 §3.5: the interval grows by 5 seconds for this and all subsequent requests. */
const STEP = 5000;
const LONGEST = 60_000;
const MAX_CODES = 10_000;

export interface DevicePace {
  /** Notes a question; whether it came too early. */
  isTooFast(deviceCode: string): boolean;
}

/** Kept in memory: after a restart a device begins anew with the interval it was told. */
export function createDevicePace(options: {
  /** Milliseconds. */
  readonly interval: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}): DevicePace {
  const { interval, now = Date.now } = options;
  /** By digest of the code, the one that asked longest ago first. */
  const asked = new Map<string, { readonly at: number; readonly wait: number }>();
  return {
    isTooFast(deviceCode) {
      const key = createHash('sha256').update(deviceCode).digest('base64url');
      const before = asked.get(key);
      const wait = before?.wait ?? interval;
      const early = before !== undefined && now() - before.at < wait - TOLERANCE;
      asked.delete(key);
      asked.set(key, { at: now(), wait: early ? Math.max(wait, Math.min(wait + STEP, LONGEST)) : wait });
      const [oldest] = asked.keys();
      if (asked.size > MAX_CODES && oldest !== undefined) asked.delete(oldest);
      return early;
    },
  };
}
