// Owns the GS2 header (RFC 5801 §4) in front of an OAUTHBEARER response.

import { type Refusal, refuse } from '../refusal.ts';

export interface Gs2Header {
  /** Unescaped; empty where the client names none. */
  readonly authorizationIdentity: string;
  /** What follows the header. */
  readonly rest: string;
}

/** Splits the GS2 header off a client response. Refuses `sasl-malformed`. */
export function parseGs2Header(text: string): Gs2Header | Refusal {
  const flagEnd = text.indexOf(',');
  const identityEnd = flagEnd < 0 ? -1 : text.indexOf(',', flagEnd + 1);
  if (identityEnd < 0) return malformed('it has no two commas');

  const flag = text.slice(0, flagEnd);
  // RFC 7628 §3.1: no channel binding here. `y` says that the client could but believes that the server cannot: so it is.
  if (flag.startsWith('p=')) return malformed('it asks for channel binding, which OAUTHBEARER has not');
  if (flag !== 'n' && flag !== 'y') return malformed('it starts with neither n nor y');

  const identity = readIdentity(text.slice(flagEnd + 1, identityEnd));
  if (identity === undefined) return malformed('its second part is not a=, with , and = escaped');
  return { authorizationIdentity: identity, rest: text.slice(identityEnd + 1) };
}

function readIdentity(part: string): string | undefined {
  if (part === '') return '';
  if (!part.startsWith('a=')) return undefined;
  const escaped = part.slice(2);
  // A bare '=' is not guessed at: `=2Calice` and `,alice` would be two readings of the same name.
  if (/=(?!2C|3D)/i.test(escaped)) return undefined;
  return escaped.replace(/=2C/gi, ',').replace(/=3D/gi, '=');
}

function malformed(what: string): Refusal {
  return refuse('sasl-malformed', `the GS2 header is malformed (RFC 5801 §4): ${what}`);
}
