// Owns the key=value pairs that OAUTHBEARER and XOAUTH2 share (RFC 7628 §3.1).

import { isUtf8 } from 'node:buffer';
import { type Refusal, refuse } from '../refusal.ts';

const SEPARATOR = '\x01';
// RFC 7628 §3.1: key = 1*ALPHA; value = VCHAR, SP, HTAB, CR, LF. XOAUTH2 user names may lie beyond ASCII.
const PAIR = /^([A-Za-z]+)=([^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*)$/;

/** The text of a client response. Refuses `sasl-malformed` where it is not UTF-8. */
export function decodeText(message: Buffer): string | Refusal {
  if (!isUtf8(message)) return refuse('sasl-malformed', 'the response is not valid UTF-8');
  return message.toString('utf8');
}

/**
 * Reads `*kvpair kvsep`, each kvpair closed by ^A, the whole closed by one more. Keys outside `meaningful` are ignored, as
 * RFC 7628 §3.1 demands; a meaningful one given twice is refused, for two parsers would not choose the same one.
 */
export function parsePairs(text: string, meaningful: readonly string[]): Map<string, string> | Refusal {
  const pairs = new Map<string, string>();
  for (const piece of splitPairs(text) ?? ['']) {
    const [, key, value] = PAIR.exec(piece) ?? [];
    if (key === undefined || value === undefined) {
      return refuse(
        'sasl-malformed',
        'the response is not a list of key=value pairs closed by ^A (RFC 7628 §3.1)',
      );
    }
    if (!meaningful.includes(key)) continue;
    if (pairs.has(key)) return refuse('sasl-malformed', `the response has ${key}= more than once`);
    pairs.set(key, value);
  }
  return pairs;
}

function splitPairs(text: string): string[] | undefined {
  if (text === SEPARATOR) return [];
  if (!text.endsWith(SEPARATOR + SEPARATOR)) return undefined;
  return text.slice(0, -2).split(SEPARATOR);
}
