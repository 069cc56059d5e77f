// The end of a message is found at every cut of the bytes, and nowhere else.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BodyScanner } from '../../../../src/submission/message/body-scanner.ts';

/** The bytes at every alignment in memory, since they are read in words of four. */
function misaligned(text: string, shift: number): Buffer {
  return Buffer.from('x'.repeat(shift & 3) + text, 'latin1').subarray(shift & 3);
}

/** Feeds the pieces as the wire does: what a scan holds back comes again in front of the next piece. */
function feed(pieces: readonly string[]) {
  const scanner = new BodyScanner();
  let held = '';
  let message = '';
  for (const [index, piece] of pieces.entries()) {
    const bytes = misaligned(held + piece, index);
    const scan = scanner.scan(bytes);
    message += bytes.toString('latin1', 0, scan.message);
    if (scan.end !== -1) {
      const rest = bytes.toString('latin1', scan.end) + pieces.slice(index + 1).join('');
      return { message, rest, ended: true, fault: scanner.fault, stuffedDots: scanner.stuffedDots };
    }
    held = bytes.toString('latin1', scan.message);
  }
  return { message, rest: held, ended: false, fault: scanner.fault, stuffedDots: scanner.stuffedDots };
}

const cuts = (text: string): string[][] => Array.from(text, (_, at) => [text.slice(0, at), text.slice(at)]);

describe('the end of a message', () => {
  test.each([
    ['after a line', 'a\r\n.\r\nREST', { message: 'a\r\n', rest: 'REST' }],
    ['of an empty message', '.\r\nREST', { message: '', rest: 'REST' }],
    ['after dotted lines', '..\r\n...x\r\n.\r\nR', { message: '..\r\n...x\r\n', rest: 'R', stuffedDots: 2 }],
    ['after an empty line', '\r\n\r\n.\r\n', { message: '\r\n\r\n', rest: '' }],
  ])('%s, at every cut', (_what, text, expected) => {
    for (const pieces of [...cuts(text), [...text]]) {
      expect(feed(pieces)).toMatchObject({ ...expected, ended: true, fault: undefined });
    }
  });

  test.each([
    '\n.\n',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r',
    '\r.\r\n',
    '\n.\r',
    '\r\n.\r',
    '\r\n\0.\r\n',
    '\r\n.\0\r\n',
    '\r\r\n.\r\r\n',
    '\n\r.\r\n',
  ])('is not %j', (spelling) => {
    for (const pieces of [...cuts(`a${spelling}smuggled\r\n.\r\nREST`)]) {
      const { rest, fault } = feed(pieces);
      expect(rest).toBe('REST');
      expect(fault).toMatch(/bare-line-ending|nul-byte/);
    }
  });
});

test('any text, cut anywhere, is read as one piece is read, and ends where the standard says', () => {
  const alphabet = fc.constantFrom(
    '\r',
    '\n',
    '.',
    'a',
    '\0',
    '\r\n',
    '\r\n.\r\n',
    'seven7\x80',
    'longer than four words\xff',
  );
  const text = fc.array(alphabet, { maxLength: 24 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, fc.array(fc.nat(30), { maxLength: 6 }), (given, at) => {
      const places = [...new Set(at.map((place) => Math.min(place, given.length)))].sort((a, b) => a - b);
      const pieces = [0, ...places].map((from, index) => given.slice(from, places[index]));
      const whole = feed([given]);
      const { message, rest } = feed(pieces);
      expect({ message: message.concat(rest), at: message.length }).toEqual({
        message: whole.message.concat(whole.rest),
        at: whole.message.length,
      });
      const end = `\r\n${given}`.indexOf('\r\n.\r\n');
      expect(whole.ended).toBe(end !== -1);
      if (end !== -1) expect(whole.message).toBe(given.slice(0, end));
    }),
    { numRuns: 3000 },
  );
});
