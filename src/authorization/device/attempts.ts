// Owns the limit on how many wrong codes may be entered at the page for devices: who guesses one could answer in place of the
// person it was shown to (RFC 8628 §5.1).

import { createHash } from 'node:crypto';
import { createFloodGate } from '../flood.ts';

/**
 * Wrong codes at once, then one more for each `refill` (milliseconds). A code has 20^8 forms: within 15 minutes one network hits
 * a given code with a chance of 1 in 500 million. An office behind one address mistypes more often than one browser.
 */
const OF_A_NETWORK = { burst: 20, refill: 30_000 };
const OF_A_BROWSER = { burst: 5, refill: 60_000 };

export interface DeviceAttempts {
  /** Counts a try, at once, so that many at the same time are no way around; undefined where it is one too many. */
  begin(from: { readonly address: string; readonly browser: string | undefined }): Attempt | undefined;
}

export interface Attempt {
  /** The code was one that a device shows: that is no guess. */
  wasRight(): void;
}

/** @param now milliseconds since the epoch */
export function createDeviceAttempts(now: () => number = Date.now): DeviceAttempts {
  const networks = createFloodGate(now, OF_A_NETWORK);
  const browsers = createFloodGate(now, OF_A_BROWSER);
  return {
    begin({ address, browser }) {
      const cookie = browser === undefined ? undefined : digest(browser);
      if (!networks.admits(address)) return undefined;
      if (cookie !== undefined && !browsers.admits(cookie)) return undefined;
      return {
        wasRight() {
          networks.forgives(address);
          if (cookie !== undefined) browsers.forgives(cookie);
        },
      };
    },
  };
}

// A session cookie is a credential and need not lie about.
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
