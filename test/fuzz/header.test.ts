// Whatever octets stand in a header block: it is cut into fields in one way, or refused.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type HeaderField, type PlacedField, parseHeader } from '../../src/policy/header.ts';
import { isRefusal } from '../../src/refusal.ts';
import { processorTime } from '../support/processor-time.ts';
import { effort, mutations, PATIENCE, readSeeds } from './seeds/seeds.ts';

const seeds = readSeeds('header');
const block = fc.oneof(
  mutations(seeds),
  fc.array(fc.constantFrom(...seeds), { maxLength: 6 }).map((lines) => lines.join('')),
  fc.string({ maxLength: 80, unit: 'binary' }),
);
const name = fc.stringMatching(/^[!-9;-~]{1,20}$/);
const text = fc.stringMatching(/^[\x20-\x7e\x80-\xff\t]{0,30}$/);
const value = fc
  .tuple(
    text,
    fc.array(
      text.filter((line) => /[^ \t]/.test(line)),
      { maxLength: 3 },
    ),
  )
  .map(([first, others]) => [first, ...others.map((line) => ` ${line}`)].join('\r\n'));
const fields = fc.array(fc.record({ name, value }), { maxLength: 8 });

function write(list: readonly HeaderField[]): string {
  return list.map((field) => `${field.name}:${field.value}\r\n`).join('');
}

/** Its pieces one behind the other: the places leave nothing out and cover nothing twice. */
function placed(fields: readonly PlacedField[], text: string): string {
  return fields.map(({ start, end }) => text.slice(start, end)).join('');
}

test(
  'no block makes it throw, and what it accepts it can write again, octet for octet',
  () => {
    fc.assert(
      fc.property(block, (written) => {
        const octets = Buffer.from(written, 'latin1');
        const parsed = parseHeader(octets);
        if (isRefusal(parsed)) {
          expect(parsed).toMatchObject({
            code: 'header-malformed',
            reason: expect.stringMatching(/^[ -~]+$/),
          });
          return;
        }
        expect(placed(parsed, written)).toBe(written);
        // White space before a colon is the one thing that is not kept.
        const normal = octets.toString('latin1').replace(/(?<=^|\n)([!-9;-~]+)[ \t]+:/g, '$1:');
        expect(write(parsed)).toBe(normal === '' || normal.endsWith('\r\n') ? normal : `${normal}\r\n`);
      }),
      { ...effort<[string]>(30_000), examples: seeds.map((seed): [string] => [seed]) },
    );
  },
  PATIENCE,
);

test(
  'what was written is what is read',
  () => {
    fc.assert(
      fc.property(fields, (list) => {
        const parsed = parseHeader(Buffer.from(write(list), 'latin1')) as PlacedField[];
        expect(parsed.map(({ name, value }) => ({ name, value }))).toEqual(list);
        expect(placed(parsed, write(list))).toBe(write(list));
      }),
      effort(4000),
    );
  },
  PATIENCE,
);

// A program that splits on bare LF or CR, ends the header at an empty or blank line, or joins folded lines first, must find
// the same originator fields as this parser. That is what the refusals are for.
test(
  'sloppier programs find the same From, Sender and Resent- fields in every block that is accepted',
  () => {
    fc.assert(
      fc.property(block, (written) => {
        const parsed = parseHeader(Buffer.from(written, 'latin1'));
        if (isRefusal(parsed)) return;
        const ours = parsed.map((field) => field.name.toLowerCase()).filter(isOriginator);
        for (const lineEnd of [/\r\n/, /\r?\n/, /\r\n|\r|\n/]) {
          const lines = written.replace(/\r?\n$/, '').split(lineEnd);
          const end = lines.findIndex((line) => line.trim() === '');
          const seen = (end < 0 || written === '' ? lines : lines.slice(0, end))
            .filter((line) => !/^[ \t]/.test(line) && line.includes(':'))
            .map((line) => line.slice(0, line.indexOf(':')).trim().toLowerCase())
            .filter(isOriginator);
          expect(seen).toEqual(ours);
        }
      }),
      effort(20_000),
    );
  },
  PATIENCE,
);

function isOriginator(field: string): boolean {
  return ['from', 'sender', 'resent-from', 'resent-sender'].includes(field);
}

test('a block of 256 KiB is read in no time, whatever it repeats', () => {
  for (const seed of [...seeds, 'A:\r\n', ' ', '\t', ':', '\r', '\n', 'x', 'a: b\r\n ']) {
    for (const text of [seed.repeat(262_144 / seed.length), `A: b${seed.repeat(262_144 / seed.length)}`]) {
      const spent = processorTime(() => parseHeader(Buffer.from(text, 'latin1')));
      expect(spent).toBeLessThan(2000);
    }
  }
});
