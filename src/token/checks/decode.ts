// The strict decoding of a token's text (RFC 7515 §7.1, RFC 7519 §7.2), before anything in it is believed.

import { type Refusal, refuse } from '../../refusal.ts';
import { parseJsonObject } from './json-object.ts';

/** Longest token looked at, in characters. Tokens without group lists are 1–3 KB. */
export const MAX_TOKEN_LENGTH = 16 * 1024;

export interface DecodedToken {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Whether there is a third part at all; `alg: none` has none. */
  readonly signed: boolean;
}

/** Refuses what is no token or too long for one; cheap enough to come first. */
export function checkTokenLength(token: string): Refusal | undefined {
  if (token.length === 0) return refuse('token-missing', 'empty token');
  if (token.length <= MAX_TOKEN_LENGTH) return undefined;
  return malformed(`token of ${token.length} characters, at most ${MAX_TOKEN_LENGTH} are looked at`);
}

/** Header and claims of a signed token in compact form; nothing in them is verified yet. */
export function decodeToken(token: string): DecodedToken | Refusal {
  const tooLong = checkTokenLength(token);
  if (tooLong) return tooLong;
  const parts = token.split('.');
  if (parts.length === 5)
    return malformed('encrypted token (JWE, five parts); a signed one (JWS) is expected');
  if (parts.length !== 3) return malformed(`expected three parts separated by dots, found ${parts.length}`);
  const [headerPart = '', claimsPart = '', signaturePart = ''] = parts;
  const header = decodePart('header', headerPart);
  if (typeof header === 'string') return malformed(header);
  const claims = decodePart('claims', claimsPart);
  if (typeof claims === 'string') return malformed(claims);
  if (signaturePart !== '' && !decodeBase64url(signaturePart)) return malformed('signature is not base64url');
  return { header, claims, signed: signaturePart !== '' };
}

function decodePart(name: string, part: string): Record<string, unknown> | string {
  const octets = decodeBase64url(part);
  if (!octets) return `${name} is not base64url`;
  const value = parseJsonObject(octets);
  return typeof value === 'string' ? `${name} is ${value}` : value;
}

// RFC 7515 §2: no padding, no white space, no other characters. Buffer would skip them, so that many texts were one token;
// the way back also catches unused bits that are not zero (RFC 4648 §3.5).
function decodeBase64url(text: string): Buffer | undefined {
  const octets = Buffer.from(text, 'base64url');
  return octets.length > 0 && octets.toString('base64url') === text ? octets : undefined;
}

function malformed(reason: string): Refusal {
  return refuse('token-malformed', reason);
}
