// Whether the issuer of a live session's token still stands by it: one question for all sessions of a token, remembered for a while.

import type { Principal } from '../../principal.ts';
import { type Refusal, refuse } from '../../refusal.ts';
import type { TokenSettings, TrustedIssuerSettings } from '../settings.ts';
import { shownName } from '../shown.ts';
import type { Introspector } from './introspector.ts';

/** Holds the token's text: to be dropped with the session. */
export interface Recheck {
  /** Milliseconds within which a token that is no longer good is to be noticed. An answer may be a quarter of it old. */
  readonly every: number;
  /** Why the session must end; undefined where it may go on. Never rejects. */
  check(): Promise<Refusal | undefined>;
}

export interface RecheckFailure {
  readonly issuer: string;
  readonly reason: string;
}

export interface RechecksOptions {
  readonly settings: Pick<TokenSettings, 'trustedIssuers' | 'leeway'>;
  /** By issuer; of those that may be asked. */
  readonly introspectors: ReadonlyMap<string, Introspector>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told at most once per issuer and minute that it could not be asked. */
  readonly onFailed: (failure: RecheckFailure) => void;
}

/** `key` is the hash by which the verifier knows a token. */
export interface Rechecks {
  /** Undefined where the issuer has no introspection configured. */
  of(token: string, key: string, principal: Principal): Recheck | undefined;
  /** What an earlier check refused still counts: the client must not come back with the same token. */
  refusalOf(key: string): Refusal | undefined;
}

/** Verdicts remembered at most, good and bad; the oldest go first. */
const MAX_VERDICTS = 10_000;
const SILENCE = 60_000;

export function createRechecks(options: RechecksOptions): Rechecks {
  const { settings, introspectors, now } = options;
  const verdicts = new Map<string, Verdict>();
  const underWay = new Map<string, Promise<Refusal | undefined>>();
  const tell = atMostOncePer(SILENCE, options);
  const issuers = new Map(settings.trustedIssuers.map((trusted) => [trusted.issuer, trusted]));

  function recall(key: string): Verdict | undefined {
    const verdict = verdicts.get(key);
    if (!verdict) return undefined;
    // A clock set back must not make an old yes good for longer.
    if (verdict.at <= now() && now() < verdict.until) return verdict;
    verdicts.delete(key);
    return undefined;
  }

  function remember(key: string, verdict: Omit<Verdict, 'at'>): Refusal | undefined {
    verdicts.delete(key);
    const [oldest] = verdicts.size < MAX_VERDICTS ? [] : verdicts.keys();
    if (oldest !== undefined) verdicts.delete(oldest);
    verdicts.set(key, { ...verdict, at: now() });
    return verdict.refusal;
  }

  async function ask(token: string, asked: Asked): Promise<Refusal | undefined> {
    const { key, principal, introspection, introspector } = asked;
    const outcome = await introspector.ask(token, principal.subject);
    // What a stop cuts off is no failure of the issuer's, and "no longer active" after the end says no more than the end:
    // what becomes of a session then is another setting.
    if (introspector.closed || now() >= principal.expiresAt * 1000) return undefined;
    if ('failure' in outcome) {
      tell({ issuer: principal.issuer, reason: outcome.failure });
      const reason = `${shownName(principal.issuer)} can't be asked whether the token is still good: ${outcome.failure}`;
      const ends = introspection.whileUnavailable === 'end';
      return remember(key, {
        until: now() + introspection.every / 4,
        refusal: ends ? refuse('issuer-unavailable', reason) : undefined,
      });
    }
    if (!outcome.active) {
      // As long as the verifier would take the token.
      const until = principal.expiresAt * 1000 + settings.leeway;
      return remember(key, { until, refusal: refuse('token-revoked', outcome.reason) });
    }
    const end = Math.min(principal.expiresAt, outcome.expiresAt ?? principal.expiresAt) * 1000;
    return remember(key, { until: Math.min(now() + introspection.every / 4, end), refusal: undefined });
  }

  function check(token: string, asked: Asked): Promise<Refusal | undefined> {
    const verdict = recall(asked.key);
    if (verdict) return Promise.resolve(verdict.refusal);
    const asking = underWay.get(asked.key);
    if (asking) return asking;
    const begun = ask(token, asked).finally(() => underWay.delete(asked.key));
    underWay.set(asked.key, begun);
    return begun;
  }

  return {
    of(token, key, principal) {
      const { introspection } = issuers.get(principal.issuer) ?? {};
      const introspector = introspectors.get(principal.issuer);
      if (!introspection || !introspector) return undefined;
      const asked = { key, principal, introspection, introspector };
      return { every: introspection.every, check: () => check(token, asked) };
    },
    refusalOf: (key) => recall(key)?.refusal,
  };
}

/** Times in milliseconds since the epoch. */
interface Verdict {
  readonly at: number;
  readonly until: number;
  readonly refusal: Refusal | undefined;
}

interface Asked {
  readonly key: string;
  readonly principal: Principal;
  readonly introspection: NonNullable<TrustedIssuerSettings['introspection']>;
  readonly introspector: Introspector;
}

/** A thousand sessions of an issuer that is down are one thing to say. */
function atMostOncePer(
  silence: number,
  { now, onFailed }: RechecksOptions,
): (failure: RecheckFailure) => void {
  const toldAt = new Map<string, number>();
  return (failure) => {
    const elapsed = now() - (toldAt.get(failure.issuer) ?? Number.NEGATIVE_INFINITY);
    if (elapsed >= 0 && elapsed < silence) return;
    toldAt.set(failure.issuer, now());
    onFailed(failure);
  };
}
