// Owns the DKIM-Signature field: which fields of a header it names, what is signed, how it is written (RFC 6376 §3.5, §3.7).

import { createHash, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { canonicalField, cutHeader, type RawField } from './canonical.ts';
import type { PrivateKey } from './key.ts';

export interface SigningKey extends PrivateKey {
  /** Lower case, in the form that stands in DNS. */
  readonly domain: string;
  readonly selector: string;
}

export interface Covered {
  /** Names, in lower case, of fields that are signed as often as they are there. */
  readonly signed: readonly string[];
  /** ... and once more than they are there, so that no other can be added (§8.15). */
  readonly sealed: readonly string[];
}

const LINE = 76;
// In a thread of its own: a signature of RSA takes about a millisecond.
const signAside = promisify(sign);

/**
 * The signature fields, one for each key, each with its line end: to stand above the header.
 *
 * @param given.header header block, one character for each octet, dot-stuffing undone
 * @param given.time milliseconds since the epoch
 */
export async function signatureFields(given: {
  keys: readonly SigningKey[];
  covered: Covered;
  header: string;
  bodyHash: string;
  time: number;
}): Promise<string> {
  const { names, text } = cover(cutHeader(given.header), given.covered);
  const fields = given.keys.map(async (key) => {
    const unsigned = unsignedField(key, { names, bodyHash: given.bodyHash, time: given.time });
    // §3.7: the field itself comes last, its b= empty, without its line end.
    const own = canonicalField({ name: 'dkim-signature', line: unsigned }).slice(0, -2);
    const signature = await signText(key, Buffer.from(text + own, 'latin1'));
    return `${unsigned}${folded(signature.match(/.{1,72}/g) ?? [], '\r\n\t')}\r\n`;
  });
  return (await Promise.all(fields)).join('');
}

/** §5.4.2: of several fields of one name the last one is signed first. A name without a field left counts as nothing. */
function cover(fields: readonly RawField[], { signed, sealed }: Covered): { names: string[]; text: string } {
  const names: string[] = [];
  let text = '';
  const byName = Map.groupBy(fields, ({ name }) => name);
  for (const name of new Set([...sealed, ...signed])) {
    const own = byName.get(name)?.toReversed() ?? [];
    names.push(...own.map(() => name), ...(sealed.includes(name) ? [name] : []));
    text += own.map(canonicalField).join('');
  }
  return { names, text };
}

function unsignedField(
  { algorithm, domain, selector }: SigningKey,
  given: { names: readonly string[]; bodyHash: string; time: number },
): string {
  return [
    `DKIM-Signature: v=1; a=${algorithm}; c=relaxed/relaxed;`,
    `d=${domain};`,
    `s=${selector}; t=${Math.floor(given.time / 1000)};`,
    `h=${nameList(given.names)};`,
    `bh=${given.bodyHash};`,
    'b=',
  ].join('\r\n\t');
}

/** Folded where a colon stands (§3.5, `sig-h-tag`). */
function nameList(names: readonly string[]): string {
  const lines: string[] = [];
  let line = '';
  for (const [index, name] of names.entries()) {
    const piece = index < names.length - 1 ? `${name}:` : name;
    if (line !== '' && line.length + piece.length > LINE) {
      lines.push(line);
      line = '';
    }
    line += piece;
  }
  return folded([...lines, line], '\r\n\t ');
}

const folded = (pieces: readonly string[], fold: string): string => pieces.join(fold);

async function signText({ algorithm, key }: SigningKey, text: Buffer): Promise<string> {
  // RFC 8463 §3: Ed25519 signs the SHA-256 of the text.
  const signature =
    algorithm === 'rsa-sha256'
      ? await signAside('sha256', text, key)
      : await signAside(null, createHash('sha256').update(text).digest(), key);
  return signature.toString('base64');
}
