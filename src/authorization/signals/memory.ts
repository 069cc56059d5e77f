// Owns the memory of which events were acted on: each does its work once, also across a restart, and none is lost by a crash.

import { createHash } from 'node:crypto';
import type { ArtifactStore } from '../stores.ts';

const MODEL = 'Signal';

export interface SignalMemory {
  /**
   * Runs `act` for an event that is new, and notes it afterwards: an act that failed, or that the process did not survive, is
   * done when the event is sent again. 'repeated' where it was done before or is being done now.
   */
  once<Result>(event: Heard, act: () => Promise<Result>): Promise<Result | 'repeated'>;
}

export interface Heard {
  readonly issuer: string;
  /** `jti`. */
  readonly tokenId: string;
  /** Seconds since the epoch: from then on the event would not be believed any more. */
  readonly keepUntil: number;
}

/** Only events whose signature was verified come here, so nobody else can fill the store. */
export function createSignalMemory(options: {
  readonly artifacts: ArtifactStore;
  readonly now?: (() => number) | undefined;
}): SignalMemory {
  const { artifacts, now = Date.now } = options;
  const underWay = new Map<string, Promise<unknown>>();
  return {
    async once(event, act) {
      const id = idOf(event);
      const before = underWay.get(id);
      if (before !== undefined) {
        await before;
        return 'repeated';
      }
      const work = (async () => {
        if (await artifacts.find(MODEL, id, Math.floor(now() / 1000))) return 'repeated' as const;
        const result = await act();
        await artifacts.put(MODEL, id, {
          payload: '{}',
          grantId: undefined,
          uid: undefined,
          userCode: undefined,
          expiresAt: event.keepUntil,
        });
        return result;
      })();
      underWay.set(id, work);
      try {
        return await work;
      } finally {
        underWay.delete(id);
      }
    },
  };
}

function idOf({ issuer, tokenId }: Heard): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer, tokenId]))
    .digest('base64url');
}
