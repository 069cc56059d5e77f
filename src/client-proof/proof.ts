// What one request to an issuer carries to prove which client asks (RFC 6749 §2.3.1, RFC 7523 §2.2).

import type { Secret } from '../setting.ts';
import { signAssertion } from './assertion.ts';
import type { SigningKey } from './signing-key.ts';

export interface Proof {
  readonly headers: Readonly<Record<string, string>>;
  /** Parameters beside the request's own. */
  readonly form: Readonly<Record<string, string>>;
}

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
// Seconds. Microsoft, "Certificate credentials": 5 to 10 minutes at most. Longer than clocks differ, and made for one request.
const ASSERTION_LIFETIME = 300;

/** client_secret_basic or client_secret_post. */
export function proveBySecret(given: {
  readonly clientId: string;
  readonly secret: Secret;
  readonly goesInto: 'header' | 'body';
}): Proof {
  const { clientId } = given;
  const secret = given.secret.reveal();
  if (given.goesInto === 'body') return { headers: {}, form: { client_id: clientId, client_secret: secret } };
  // RFC 6749 §2.3.1: both parts are form-encoded first, so that a colon in either does not move the border between them. No
  // more characters than must be: for servers that do not decode, most secrets then are what they were.
  const pair = `${formEncoded(clientId)}:${formEncoded(secret)}`;
  return { headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }, form: {} };
}

/**
 * private_key_jwt.
 * @param given.audience the issuer's name where it is known: then no other issuer can be shown the assertion as if it were meant
 *   for it (audience injection, which RFC 7523bis closes so); else the token endpoint, which RFC 7523 §3 allows
 * @param given.now milliseconds since the epoch
 */
export async function proveByKey(given: {
  readonly clientId: string;
  readonly signingKey: SigningKey;
  readonly audience: string;
  readonly now: number;
}): Promise<Proof> {
  const { clientId, signingKey, audience, now } = given;
  const assertion = await signAssertion({
    signingKey,
    issuer: clientId,
    subject: clientId,
    audience,
    claims: { nbf: Math.floor(now / 1000) },
    lifetime: ASSERTION_LIFETIME,
    now,
  });
  return {
    headers: {},
    form: { client_id: clientId, client_assertion_type: ASSERTION_TYPE, client_assertion: assertion },
  };
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
