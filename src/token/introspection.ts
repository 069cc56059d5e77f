// The question to an issuer whether it still stands by a token (RFC 7662), and the reading of its answer.

import type { Secret } from '../setting.ts';
import { fetchJson } from './fetch-json.ts';
import { shownTime } from './shown.ts';

/** An answer holds a handful of claims; more is nonsense, and may come for each of thousands of sessions. */
const MAX_OCTETS = 64 * 1024;

/** `failure` in one phrase where there was no usable answer: it says nothing about the token. */
export type Introspected =
  /** `expiresAt` in seconds since the epoch, where the issuer names it. */
  | { readonly active: true; readonly expiresAt: number | undefined }
  | { readonly active: false; readonly reason: string }
  | { readonly failure: string };

export interface IntrospectionOptions {
  readonly endpoint: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  /** `sub` of the token. */
  readonly subject: string;
  /** Milliseconds since the epoch, and how far the issuer's clock may be off. */
  readonly clock: { readonly now: () => number; readonly leeway: number };
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds for the whole answer. */
  readonly timeout: number;
  readonly allowInsecureHttp: boolean;
  readonly signal: AbortSignal;
}

/** Never throws. Neither the token nor anything the issuer wrote stands in a reason. */
export async function introspect(token: string, options: IntrospectionOptions): Promise<Introspected> {
  const { endpoint, fetch, timeout, allowInsecureHttp, signal } = options;
  const outcome = await fetchJson(endpoint, {
    fetch,
    timeout,
    allowInsecureHttp,
    signal,
    maxOctets: MAX_OCTETS,
    post: {
      headers: { authorization: basicCredentials(options) },
      // RFC 7662 §2.1
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
    },
  });
  return 'body' in outcome ? readAnswer(outcome.body, options) : outcome;
}

/** RFC 7662 §2.2. */
function readAnswer(body: unknown, { subject, clock }: IntrospectionOptions): Introspected {
  const answer = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const { active, sub, exp } = answer;
  if (typeof active !== 'boolean')
    return { failure: 'the introspection answer has no active that is true or false' };
  if (!active) return { active, reason: 'its issuer says that the token is no longer active' };
  // An answer about somebody else's token, out of a confused cache, says nothing good about this one.
  if (sub !== undefined && sub !== subject)
    return { active: false, reason: 'its issuer says that the token is somebody else’s' };
  if (exp === undefined) return { active, expiresAt: undefined };
  if (typeof exp !== 'number' || !Number.isFinite(exp))
    return { failure: 'exp of the introspection answer is not a number' };
  if (exp * 1000 + clock.leeway <= clock.now())
    return { active: false, reason: `its issuer says that the token ended at ${shownTime(exp)}` };
  return { active, expiresAt: exp };
}

// RFC 6749 §2.3.1: both parts are form-encoded first, so that a colon in either does not move the border between them.
function basicCredentials({ clientId, clientSecret }: IntrospectionOptions): string {
  const pair = `${formEncoded(clientId)}:${formEncoded(clientSecret.reveal())}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
