// Owns strict base64 as SASL lines carry it (RFC 4648 §4, RFC 4954 §4).

import { type Refusal, refuse } from '../refusal.ts';

/** The bytes of one base64 line. Refuses `sasl-encoding` for anything but the canonical form; no line is decoded in part. */
export function decodeBase64(line: string): Buffer | Refusal {
  const bytes = Buffer.from(line, 'base64');
  // RFC 4954 §4: characters outside the alphabet and '=' elsewhere than at the end MUST be refused, but Node skips them.
  // Only the canonical form survives the way back: it excludes those, white space, the URL alphabet, absent padding and
  // stray bits after the last byte (RFC 4648 §3.5), by which two lines could carry the same credentials.
  if (bytes.toString('base64') !== line) {
    return refuse('sasl-encoding', 'the line is not canonical base64 (RFC 4648 §4)');
  }
  return bytes;
}

/** Base64 for a 334 line. */
export function encodeBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
