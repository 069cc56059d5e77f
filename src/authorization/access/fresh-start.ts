// Owns what parts a sign-in or token that comes right after a revocation from what came right before: a later second.
//
// A revocation reaches all that was issued up to a second, its own included. Whatever is issued next says a second after
// that, and where it has not come yet, waits for it. Without that, a browser would go back and forth between
// Postern and the identity provider until the second is over, and a new token would be refused as long as it lives.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Revocations } from '../../token/withdrawal/revocations.ts';
import type { Origins, SessionName } from './origins.ts';

/** Milliseconds. Longer than revocations reach ahead (revocations.ts), unless the clocks of two nodes are far apart. */
const LONGEST_WAIT = 5_000;

export interface FreshStart {
  /**
   * Whether a sign-in from then (seconds since the epoch) is from before the end of the person's access: a code made while
   * that was being ended was not there yet to be taken away.
   */
  isOver(accountId: string, signedInAt: number): boolean;
  /**
   * The same of a browser session, also where the one at the identity provider has ended. It may be there still, where a request
   * that was under way has written it again, or where its sign-in was held back.
   */
  isSessionOver(session: {
    readonly uid: string;
    readonly accountId: string;
    readonly signedInAt: number;
  }): Promise<boolean>;
  /**
   * Resolves with the second of a sign-in that is done now, also after an end that another node has heard of.
   *
   * @param from where it is from, and the browser session it goes on in
   */
  ofSignIn(accountId: string, from: readonly SessionName[]): Promise<number>;
  /** Resolves when a token may be issued that no revocation made until now will reach. */
  ofToken(holder: { readonly accountId: string | undefined; readonly clientId: string }): Promise<void>;
}

export interface FreshStartOptions {
  readonly revocations: Pick<Revocations, 'revokedUntil' | 'tick'>;
  readonly origins: Pick<Origins, 'endedUntil'>;
  /** Postern's own issuer. */
  readonly issuer: string;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  /** Waits for so many milliseconds. */
  readonly pause?: ((milliseconds: number) => Promise<void>) | undefined;
}

export function createFreshStart(options: FreshStartOptions): FreshStart {
  const { revocations, origins, issuer, now = Date.now, pause = sleep } = options;

  const reach = (subject: string, clientId?: string) =>
    revocations.revokedUntil({ issuer, subject, clientId, tokenId: undefined, grantId: undefined });

  async function pass(second: number): Promise<void> {
    const left = (second + 1) * 1000 - now();
    if (left <= 0 || left > LONGEST_WAIT) return;
    await pause(left);
    // A timer may fire a moment early by the clock that the next second is read from.
    const rest = (second + 1) * 1000 - now();
    if (rest > 0) await pause(rest + 1);
  }

  return {
    isOver: (accountId, signedInAt) => signedInAt <= reach(accountId),
    async isSessionOver({ uid, accountId, signedInAt }) {
      if (signedInAt <= reach(accountId)) return true;
      return signedInAt <= (await origins.endedUntil({ browserSession: uid }));
    },
    async ofSignIn(accountId, from) {
      await revocations.tick();
      const ends = await Promise.all(from.map((session) => origins.endedUntil(session)));
      for (const end of [reach(accountId), ...ends]) await pass(end);
      return Math.floor(now() / 1000);
    },
    // RFC 9068 §2.2: without a person the client is the subject.
    ofToken: ({ accountId, clientId }) => pass(reach(accountId ?? clientId, clientId)),
  };
}
