// The question to an issuer whether it stands by a token (RFC 7662), and the reading of its answer.

import { type Proof, proveByKey, proveBySecret } from '../../client-proof/proof.ts';
import { isKeyFault, readSigningKey } from '../../client-proof/signing-key.ts';
import { Secret } from '../../setting.ts';
import type { Claims } from '../issuers/identity.ts';
import { fetchJson } from '../keys/fetch-json.ts';
import { shownTime } from '../shown.ts';

/** An answer holds a handful of claims; more is nonsense, and may come for each of thousands of sessions. */
const MAX_OCTETS = 64 * 1024;

/** `failure` in one phrase where there was no usable answer: it says nothing about the token. */
export type Introspected =
  /** `expiresAt` in seconds since the epoch, where the issuer names it. */
  | { readonly active: true; readonly expiresAt: number | undefined; readonly claims: Claims }
  | { readonly active: false; readonly reason: string }
  | { readonly failure: string };

export interface IntrospectionOptions {
  readonly clientId?: string;
  readonly clientSecret?: Secret;
  readonly clientSecretIn?: 'header' | 'body';
  /** Instead of the secret: private key in PEM. */
  readonly clientKey?: Secret;
  readonly keyId?: string;
  /** The issuer that is asked: for whom an assertion is meant. */
  readonly issuer?: string;
  readonly endpoint: string;
  readonly protocol?: 'rfc7662' | 'google-tokeninfo';
  /** `sub` of the token; undefined where only the answer tells it. */
  readonly subject: string | undefined;
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
  const isGoogle = options.protocol === 'google-tokeninfo';
  const outcome = await fetchJson(endpoint, {
    fetch,
    timeout,
    allowInsecureHttp,
    signal,
    maxOctets: MAX_OCTETS,
    post: isGoogle ? tokeninfoQuestion(token) : await question(token, options),
  });
  if ('body' in outcome) return readAnswer(isGoogle ? fromTokeninfo(outcome.body) : outcome.body, options);
  // Google tells of a token that is none with a 400 (https://developers.google.com/identity/protocols/oauth2: invalid_token).
  if (isGoogle && outcome.status === 400) return notActive();
  return { failure: outcome.failure };
}

type Question = NonNullable<Parameters<typeof fetchJson>[1]['post']>;

// RFC 7662 §2.1
async function question(token: string, options: IntrospectionOptions): Promise<Question> {
  const { headers, form } = await proof(options);
  return { headers, body: new URLSearchParams({ token, token_type_hint: 'access_token', ...form }) };
}

/** Nothing where no client id is given. Throws on a key that config/ would have refused. */
async function proof(options: IntrospectionOptions): Promise<Proof> {
  const { clientId, clientSecret, clientSecretIn = 'header', clientKey, keyId, issuer, clock } = options;
  if (clientId === undefined) return { headers: {}, form: {} };
  if (clientKey === undefined) {
    const secret = clientSecret ?? new Secret('');
    return proveBySecret({ clientId, secret, goesInto: clientSecretIn });
  }
  const signingKey = readSigningKey({ key: clientKey.reveal(), keyId });
  if (isKeyFault(signingKey)) throw new TypeError(`the client key ${signingKey.message}`);
  return proveByKey({ clientId, signingKey, audience: issuer ?? '', now: clock.now() });
}

/** As Google's own library asks, so that the token stands in no URL. */
function tokeninfoQuestion(token: string): Question {
  return { headers: { authorization: `Bearer ${token}` }, body: new URLSearchParams() };
}

/** Google writes numbers as texts, and says nothing of `active`. */
function fromTokeninfo(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const { exp, ...rest } = body as Record<string, unknown>;
  const seconds = typeof exp === 'string' && /^[0-9]{1,12}$/.test(exp) ? Number(exp) : exp;
  return { ...rest, ...(seconds !== undefined && { exp: seconds }), active: 'aud' in rest };
}

/** RFC 7662 §2.2. */
function readAnswer(body: unknown, { subject, clock }: IntrospectionOptions): Introspected {
  const answer = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const { active, sub, exp } = answer;
  if (typeof active !== 'boolean')
    return { failure: 'the introspection answer has no active that is true or false' };
  if (!active) return notActive();
  // An answer about somebody else's token, out of a confused cache, says nothing good about this one.
  if (subject !== undefined && sub !== undefined && sub !== subject)
    return { active: false, reason: 'its issuer says that the token is somebody else’s' };
  if (exp === undefined) return { active, expiresAt: undefined, claims: answer };
  if (typeof exp !== 'number' || !Number.isFinite(exp))
    return { failure: 'exp of the introspection answer is not a number' };
  if (exp * 1000 + clock.leeway <= clock.now())
    return { active: false, reason: `its issuer says that the token ended at ${shownTime(exp)}` };
  return { active, expiresAt: exp, claims: answer };
}

function notActive(): Introspected {
  return { active: false, reason: 'its issuer says that the token is no longer active' };
}
