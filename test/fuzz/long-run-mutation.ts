// Inputs of the long run: seeds changed at random, by numbers that give the same input again for the same seed.

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export type Random = () => number;

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A whole number from 0 on, less than `below`. */
export const below = (random: Random, bound: number): number => Math.floor(random() * bound);

export function pick<Thing>(random: Random, things: readonly Thing[]): Thing {
  return things[below(random, things.length)] as Thing;
}

const MAX_LENGTH = 100_000;

export interface Corpus {
  readonly seeds: readonly string[];
  /** Pieces that mean something to what is tested. */
  readonly words: readonly string[];
}

/** One character an octet (latin1). */
export function makeInput(random: Random, corpus: Corpus): string {
  let text = pick(random, corpus.seeds);
  for (let changes = below(random, 7); changes > 0; changes -= 1)
    text = pick(random, CHANGES)(text, random, corpus);
  return text.slice(0, MAX_LENGTH);
}

type Change = (text: string, random: Random, corpus: Corpus) => string;

const splice = (text: string, at: number, cut: number, insert: string): string =>
  text.slice(0, at) + insert + text.slice(at + cut);
const place = (text: string, random: Random): number => below(random, text.length + 1);

const CHANGES: readonly Change[] = [
  (text, random) => splice(text, place(text, random), 1, String.fromCharCode(below(random, 256))),
  (text, random) => splice(text, place(text, random), 0, String.fromCharCode(below(random, 256))),
  (text, random, { words }) => splice(text, place(text, random), 0, pick(random, words)),
  (text, random, { words }) => splice(text, place(text, random), below(random, 8), pick(random, words)),
  (text, random) => splice(text, place(text, random), below(random, 20), ''),
  (text, random) => text.slice(0, place(text, random)),
  repeatPiece,
  swapLines,
  changeNumber,
  (text, random, { seeds }) => text.slice(0, place(text, random)) + tail(pick(random, seeds), random),
  (text, random, { seeds }) => text + pick(random, seeds),
];

function tail(text: string, random: Random): string {
  return text.slice(place(text, random));
}

function repeatPiece(text: string, random: Random): string {
  const at = place(text, random);
  const piece = text.slice(at, at + 1 + below(random, 40));
  // Now and then very often: what grows with the square of its input shows itself.
  const times = random() < 0.02 ? 2_000 : 1 + below(random, 6);
  return splice(text, at, 0, piece.repeat(times));
}

function swapLines(text: string, random: Random): string {
  const lines = text.split(/(?<=\n)/);
  const [one, other] = [below(random, lines.length), below(random, lines.length)];
  [lines[one], lines[other]] = [lines[other] as string, lines[one] as string];
  return lines.join('');
}

function changeNumber(text: string, random: Random): string {
  const numbers = [...text.matchAll(/\d+/g)];
  const found = numbers.length > 0 ? pick(random, numbers) : undefined;
  if (!found) return text;
  const near = Number(found[0]) + below(random, 5) - 2;
  const other = pick(random, [String(near), '0', '1', '-1', '65536', '18446744073709551616', '9'.repeat(25)]);
  return splice(text, found.index, found[0].length, other);
}

/** The same octets in pieces: whole, byte by byte, or cut at random. */
export function cut(random: Random, octets: Buffer): Buffer[] {
  const way = random();
  if (way < 0.4) return [octets];
  const longest = way < 0.5 ? 1 : 1 + below(random, way < 0.8 ? 12 : 400);
  const pieces: Buffer[] = [];
  // Byte by byte is for what is short.
  const least = octets.length > 5_000 ? 500 : 1;
  for (let at = 0; at < octets.length; ) {
    const length = Math.max(least, 1 + below(random, longest));
    pieces.push(octets.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
