// One issuer that is asked about tokens: where its endpoint is, how many questions may be under way, what it has just denied.

import { hash } from 'node:crypto';
import { discoverUrl } from '../keys/discovery.ts';
import type { TrustedIssuerSettings } from '../settings.ts';
import { createVerifiedTokens } from '../verified-tokens.ts';
import { type Introspected, introspect } from './question.ts';

export interface Introspector {
  /** Never rejects. `subject` where the token itself has told it. */
  ask(token: string, subject?: string): Promise<Introspected>;
  /** Cuts off what is under way. */
  close(): void;
  /** True after `close`: what was cut off says nothing of the issuer. */
  readonly closed: boolean;
}

export interface IntrospectorOptions {
  readonly issuer: TrustedIssuerSettings;
  readonly introspection: NonNullable<TrustedIssuerSettings['introspection']>;
  /** Milliseconds by which the issuer's clock may be off. */
  readonly leeway: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly fetch: typeof globalThis.fetch;
}

/** Whoever invents tokens must not open more connections to the issuer than this at a time; beyond it nobody is asked. */
const MAX_UNDER_WAY = 200;
/** A client that tries the same dead token again and again costs one question in this time; a slow replica is forgiven after it. */
const DENIAL_LIFETIME = 10_000;
const MAX_DENIALS = 10_000;
const ENDPOINT_LIFETIME = 24 * 3_600_000;

export function createIntrospector(options: IntrospectorOptions): Introspector {
  const { issuer, introspection, now, fetch, leeway } = options;
  const closing = new AbortController();
  const denied = createVerifiedTokens<Introspected>(MAX_DENIALS);
  let discovered: { readonly endpoint: string; readonly at: number } | undefined;
  let discovering: Promise<{ url: string } | { failure: string }> | undefined;
  let underWay = 0;

  const fetching = {
    fetch,
    timeout: introspection.timeout,
    allowInsecureHttp: issuer.allowInsecureHttp,
    signal: closing.signal,
  };

  async function locate(): Promise<{ url: string } | { failure: string }> {
    if (introspection.endpoint !== undefined) return { url: introspection.endpoint };
    const age = discovered === undefined ? Number.POSITIVE_INFINITY : now() - discovered.at;
    if (discovered && age >= 0 && age < ENDPOINT_LIFETIME) return { url: discovered.endpoint };
    // One look-up for however many wait.
    discovering ??= discoverUrl(
      { issuer: issuer.issuer, member: 'introspection_endpoint' },
      fetching,
    ).finally(() => {
      discovering = undefined;
    });
    const found = await discovering;
    if ('url' in found) discovered = { endpoint: found.url, at: now() };
    return found;
  }

  async function question(token: string, subject: string | undefined): Promise<Introspected> {
    const located = await locate();
    if ('failure' in located) return located;
    const answer = await introspect(token, {
      ...introspection,
      ...fetching,
      issuer: issuer.issuer,
      endpoint: located.url,
      subject,
      clock: { now, leeway },
    });
    // It may have moved.
    if ('failure' in answer) discovered = undefined;
    return answer;
  }

  async function ask(token: string, subject?: string): Promise<Introspected> {
    const key = hash('sha256', token, 'base64');
    const denial = denied.get(key, now());
    if (denial) return denial;
    if (underWay >= MAX_UNDER_WAY)
      return { failure: `${MAX_UNDER_WAY} questions wait for an answer already` };
    underWay += 1;
    try {
      const answer = await question(token, subject);
      if ('active' in answer && !answer.active) denied.put(key, answer, now() + DENIAL_LIFETIME);
      return answer;
    } catch {
      // What the fault says may hold a part of the client's key or secret.
      return { failure: 'a fault in asking: are clientKey and endpoint as they should be?' };
    } finally {
      underWay -= 1;
    }
  }

  return {
    ask,
    close: () => closing.abort(new Error('Postern is stopping')),
    get closed() {
      return closing.signal.aborted;
    },
  };
}
