// Whatever a header holds and however it comes: what is not edited arrives octet for octet, and the body is never touched.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PlacedField, parseHeader } from '../../src/policy/header.ts';
import { isRefusal } from '../../src/refusal.ts';
import { repairHeader } from '../../src/submission/message/header/repair.ts';
import { signedNames } from '../../src/submission/message/header/signed-names.ts';
import { beginMessage, headerContext, sendMessage } from '../support/message-situation.ts';
import { effort, mutations, PATIENCE, readSeeds } from './seeds/seeds.ts';

const FROM = 'From: alice@example.org\r\n';
const DROPPED = new Set(['bcc', 'resent-bcc', 'return-path', 'content-length']);
const ONCE = ['date', 'message-id'];

const seeds = readSeeds('header');
const whole = fc.constantFrom(
  ...seeds.filter((seed) => !isRefusal(parseHeader(latin1(seed))) && !/^from/i.test(seed)),
);
/** Mostly headers that are taken, in every order and number; some that are not. */
const block = fc
  .tuple(
    fc.array(whole, { maxLength: 8 }),
    fc.oneof({ weight: 6, arbitrary: whole }, mutations(seeds)),
    fc.array(whole, { maxLength: 4 }),
  )
  // Octets, whatever characters the arbitrary ones were.
  .map(([before, odd, after]) =>
    latin1(`${before.join('')}${odd}${FROM}${after.join('')}`).toString('latin1'),
  );

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
const stuff = (text: string): string => text.replace(/(^|\r\n)\./g, '$1..');
const unstuff = (text: string): string => text.replace(/(^|\r\n)\./g, '$1');

/** The header as it goes on, without its dots; undefined where it is refused. */
function repaired(text: string): { added: string; kept: string } | undefined {
  const header = repairHeader(latin1(stuff(text)), headerContext());
  if (isRefusal(header)) return undefined;
  const kept = header.kept.toString('latin1');
  expect(stuff(unstuff(kept))).toBe(kept);
  return { added: header.added, kept: unstuff(kept) };
}

function fieldsOf(text: string): readonly PlacedField[] {
  const fields = parseHeader(latin1(text));
  if (isRefusal(fields)) throw new Error(fields.reason);
  return fields;
}
const nameOf = (field: PlacedField): string => field.name.toLowerCase();
const written = (text: string, field: PlacedField): string => text.slice(field.start, field.end);

test(
  'what goes on is what came, without what goes and with what is added; signed fields are all there',
  () => {
    let taken = 0;
    const property = fc.property(block, (text) => {
      const header = repaired(text);
      if (!header) return;
      taken += 1;
      const given = fieldsOf(text);
      const signed = signedNames(given);
      const left = fieldsOf(header.kept);
      // In order, each as written: what is left is a part of what came.
      let at = 0;
      for (const field of left) {
        at =
          given.findIndex(
            (each, index) => index >= at && written(text, each) === written(header.kept, field),
          ) + 1;
        expect(at).toBeGreaterThan(0);
      }
      const isEdited = (name: string) =>
        DROPPED.has(name) || ONCE.includes(name) || name === 'authentication-results';
      const untouched = (fields: readonly PlacedField[]) =>
        fields
          .filter(
            (field) =>
              !isEdited(nameOf(field)) ||
              (signed.has(nameOf(field)) && nameOf(field) !== 'authentication-results'),
          )
          .map((field) => field.value);
      expect(untouched(left)).toEqual(untouched(given));
      expect(left.filter((field) => DROPPED.has(nameOf(field)) && !signed.has(nameOf(field)))).toEqual([]);
      const all = fieldsOf(header.added + header.kept);
      for (const name of ONCE) {
        if (!signed.has(name)) expect(all.filter((field) => nameOf(field) === name)).toHaveLength(1);
      }
      const pretended = all.filter(
        (field) => nameOf(field) === 'authentication-results' && field.value.includes('mail.example.org'),
      );
      expect(pretended).toHaveLength(signed.has('authentication-results') ? 0 : 1);
    });
    fc.assert(property, effort(8000));
    expect(taken).toBeGreaterThan(1000);
  },
  PATIENCE,
);

test(
  'repaired once more it gets its trace again, and nothing else changes',
  () => {
    fc.assert(
      fc.property(block, (text) => {
        const once = repaired(text);
        if (!once) return;
        const twice = repaired(once.added + once.kept);
        const added = fieldsOf(twice?.added ?? '').map(nameOf);
        expect(added.filter((name) => name !== 'authentication-results')).toEqual(['received']);
        const own = /^Authentication-Results:[\s\S]*?\r\n(?![ \t])/;
        expect(twice?.kept).toBe(once.added.replace(own, '') + once.kept);
      }),
      effort(4000),
    );
  },
  PATIENCE,
);

test(
  'it arrives the same however it is cut on its way, and its body as it was sent',
  async () => {
    const line = fc.constantFrom(
      'Text',
      '..',
      '..dot',
      'Bcc: x',
      'Date: y',
      '',
      ' ',
      'x'.repeat(200),
      '\xff',
    );
    const body = fc.array(line, { maxLength: 8 }).map((lines) => lines.map((each) => `${each}\r\n`).join(''));
    const cuts = fc.array(fc.nat(400), { maxLength: 5 });
    const property = fc.asyncProperty(
      fc.array(whole, { maxLength: 5 }),
      body,
      cuts,
      async (fields, text, places) => {
        const header = stuff(`${fields.join('')}${FROM}`);
        const message = `${header}\r\n${text}`;
        const pieces = cut(message, places);
        const one = beginMessage();
        const other = beginMessage();
        const outcome = await sendMessage(one, [], message);
        expect(await sendMessage(other, pieces, '')).toMatchObject({ stage: outcome.stage });
        const anonymous = (arrived: string) => arrived.replace(/<[0-9a-f-]{36}@/g, '<@');
        expect(anonymous(other.upstream.text)).toBe(anonymous(one.upstream.text));
        const arrived = one.upstream.text;
        const end = arrived.indexOf('\r\n\r\n');
        expect(arrived.slice(end)).toBe(outcome.stage === 'end' ? `\r\n\r\n${text}` : '');
      },
    );
    await fc.assert(property, effort(1500));
  },
  PATIENCE,
);

/** Never behind what may be the final dot: the wire holds that back. */
function cut(text: string, places: readonly number[]): string[] {
  const ends = places
    .map((place) => place % (text.length + 1))
    .filter((end) => !/\.\r?$/.test(text.slice(0, end)));
  const sorted = [0, ...ends.sort((one, other) => one - other), text.length];
  return sorted
    .slice(1)
    .map((end, index) => text.slice(sorted[index], end))
    .filter((piece) => piece !== '');
}
