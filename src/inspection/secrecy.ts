// Owns what keeps a report harmless: no piece of a secret, no control character, whatever a server sends back.

import { HIDDEN } from './transcript.ts';

/** Shorter pieces of a secret tell nobody anything. */
const PIECE = 12;
/** A secret of three characters is none, and stands in every other word. */
const SHORTEST = 4;

/** Every text in a report, made safe to show: a server may echo what it was told, in parts and in base64 too. */
export function makeSafe<T>(value: T, secrets: readonly string[]): T {
  const pieces = piecesOf(secrets.flatMap(formsOf));
  return mapTexts(value, (text) => visible(hide(text, pieces))) as T;
}

/** Control, format and separator characters as `\x1b` or `\u{202e}`: a terminal does nothing about those. */
export function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const point = character.codePointAt(0) ?? 0;
    const digits = point.toString(16);
    return point < 0x100 ? `\\x${digits.padStart(2, '0')}` : `\\u{${digits}}`;
  });
}

/** As it is, and in base64 wherever in a group of three octets it may begin. */
function formsOf(secret: string): string[] {
  return [
    secret,
    ...['', 'x', 'xx'].map((before) =>
      Buffer.from(before + secret)
        .toString('base64')
        .slice(before ? 4 : 0),
    ),
  ];
}

interface Pieces {
  readonly whole: ReadonlySet<string>;
  /** Secrets too short to have pieces. */
  readonly short: readonly string[];
}

function piecesOf(secrets: readonly string[]): Pieces {
  const whole = new Set<string>();
  for (const secret of secrets) {
    for (let at = 0; at + PIECE <= secret.length; at += 1) whole.add(secret.slice(at, at + PIECE));
  }
  return { whole, short: secrets.filter(({ length }) => length >= SHORTEST && length < PIECE) };
}

function hide(text: string, { whole, short }: Pieces): string {
  if (whole.size === 0 && short.length === 0) return text;
  let shown = '';
  let hiddenUntil = 0;
  for (let at = 0; at < text.length; at += 1) {
    const found = whole.has(text.slice(at, at + PIECE))
      ? PIECE
      : (short.find((secret) => text.startsWith(secret, at))?.length ?? 0);
    if (found > 0) {
      if (at >= hiddenUntil) shown += HIDDEN;
      hiddenUntil = Math.max(hiddenUntil, at + found);
    }
    if (at >= hiddenUntil) shown += text[at];
  }
  return shown;
}

function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((each) => mapTexts(each, map));
  if (typeof value !== 'object' || value === null) return value;
  // Names of members are ours, but for DNS names that came from the command line.
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [map(name), mapTexts(each, map)]));
}
