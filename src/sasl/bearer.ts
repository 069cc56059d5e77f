// Owns the two values that matter in a response: the `auth` value with its bearer token, and the user name.

import { type Refusal, refuse } from '../refusal.ts';

// RFC 6750 §2.1: b64token. The scheme's case does not matter (RFC 7628 §4).
const CREDENTIALS = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
const WITHOUT_TOKEN = /^(?:bearer *)?$/i;

// Separators and bidi controls too: the name stands in the journal and must not rearrange its line.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
// As long as an authentication identity of RFC 4616 §2, a `sub` of OpenID Connect Core §2, or an address can be.
const MAX_USER_NAME_OCTETS = 255;

/**
 * The token of an `auth` value; undefined for the discovery probe. No reason ever repeats a part of the value: clients that
 * leave out the scheme put the token in its place.
 */
export function readToken(value: string | undefined): string | undefined | Refusal {
  if (value === undefined) return refuse('sasl-malformed', 'the response has no auth= (RFC 7628 §3.1)');
  if (WITHOUT_TOKEN.test(value)) return undefined;
  const token = CREDENTIALS.exec(value)?.[1];
  if (token !== undefined) return token;
  return /^bearer /i.test(value)
    ? refuse('token-malformed', 'the token has characters that no bearer token has (RFC 6750 §2.1)')
    : refuse('sasl-malformed', 'the auth= value does not start with Bearer');
}

/** A user name in NFC (RFC 8265 §3.4.2); undefined for an empty one: then the token alone says who it is (RFC 4422 §3.4.1). */
export function readUserName(value: string): string | undefined | Refusal {
  if (value === '') return undefined;
  if (UNPRINTABLE.test(value)) return refuse('sasl-malformed', 'the user name has control characters');
  const name = value.normalize('NFC');
  if (Buffer.byteLength(name) > MAX_USER_NAME_OCTETS) {
    return refuse('sasl-malformed', `the user name is longer than ${MAX_USER_NAME_OCTETS} octets`);
  }
  return name;
}
