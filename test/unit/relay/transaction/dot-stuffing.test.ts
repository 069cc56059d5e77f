// Dots put in front of lines and taken away again: one undoes the other for any octets, however they are cut.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DotStuffer, DotUnstuffer } from '../../../../src/relay/transaction/dot-stuffing.ts';

const octets = fc
  .array(fc.constantFrom('\r', '\n', '.', 'a', '\0', '\r\n', '\r\n.'), { maxLength: 30 })
  .map((parts) => parts.join(''));
const cuts = fc.array(fc.nat(60), { maxLength: 6 });

function inPieces(text: string, at: readonly number[], step: (piece: Buffer) => Buffer): string {
  const places = [...new Set(at)].filter((place) => place < text.length).sort((a, b) => a - b);
  return [0, ...places]
    .map((from, index) => step(Buffer.from(text.slice(from, places[index]), 'latin1')).toString('latin1'))
    .join('');
}

/** RFC 5321 §4.5.2, for a whole text. */
const stuffed = (text: string) => text.replace(/(^|\r\n)\./g, '$1..');

test('a dot at the start of each line, and of nothing else', () => {
  fc.assert(
    fc.property(octets, cuts, (text, at) => {
      const stuffer = new DotStuffer();
      expect(inPieces(text, at, (piece) => stuffer.stuff(piece))).toBe(stuffed(text));
      expect(stuffer.added).toBe(stuffed(text).length - text.length);
      expect(stuffer.lineStart).toBe(text === '' || text.endsWith('\r\n'));
    }),
    { numRuns: 3000 },
  );
});

test('and away again, cut in other places', () => {
  fc.assert(
    fc.property(octets, cuts, (text, at) => {
      const unstuffer = new DotUnstuffer();
      expect(inPieces(stuffed(text), at, (piece) => unstuffer.unstuff(piece))).toBe(text);
    }),
    { numRuns: 3000 },
  );
});

describe('a piece without such a dot', () => {
  test.each([
    ['stuffed', (piece: Buffer) => new DotStuffer().stuff(piece)],
    ['unstuffed', (piece: Buffer) => new DotUnstuffer().unstuff(piece)],
  ])('%s is not copied', (_how, step) => {
    const piece = Buffer.from('a.b\r\nc\n.d\r.e');
    expect(step(piece)).toBe(piece);
  });
});
