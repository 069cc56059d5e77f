// Owns the words of the mechanisms that sign in with an access token: OAUTHBEARER (RFC 7628) and XOAUTH2 (Google, Microsoft).

import type { Secret } from '../../setting.ts';

export type TokenMechanism = 'OAUTHBEARER' | 'XOAUTH2';

/** The client's one message, not encoded yet. */
export function tokenMessage(
  mechanism: TokenMechanism,
  { mailbox, token }: { mailbox: string; token: Secret },
): string {
  const bearer = `auth=Bearer ${token.reveal()}\x01\x01`;
  if (mechanism === 'XOAUTH2') return `user=${mailbox}\x01${bearer}`;
  // RFC 5801 §4: "=" and "," of the authorization identity are written =3D and =2C.
  const identity = mailbox.replaceAll('=', '=3D').replaceAll(',', '=2C');
  return `n,a=${identity},\x01${bearer}`;
}

/**
 * What asks for the final reply when the refusal came as a challenge, as it stands on the wire. RFC 7628 §3.2.3: ^A;
 * Google's documentation: an empty response.
 */
export const afterFailure = (mechanism: TokenMechanism): string =>
  mechanism === 'OAUTHBEARER' ? 'AQ==' : '';

/** RFC 4954 §4: an initial response that makes the command longer than this, CRLF included, comes in a line of its own. */
const COMMAND_OCTETS = 512;

export const fitsInCommand = (line: string): boolean => line.length + '\r\n'.length <= COMMAND_OCTETS;

export const toBase64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
