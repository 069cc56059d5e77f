// Whatever stands in From: it names the same addresses to everybody, all of them owned, or it is refused.

import fc from 'fast-check';
import addressparser, { type Address } from 'nodemailer/lib/addressparser';
import { addressParser as postalMimeParser } from 'postal-mime';
import { expect, test } from 'vitest';
import { addressKey } from '../../src/address.ts';
import { parseMailboxList } from '../../src/policy/mailbox-list.ts';
import { readOriginators } from '../../src/policy/originators.ts';
import { checkHeader } from '../../src/policy/policy.ts';
import { isRefusal } from '../../src/refusal.ts';
import { processorTime } from '../support/processor-time.ts';
import { alice } from '../unit/policy/principals.ts';
import { effort, mutations, PATIENCE, readSeeds } from './seeds/seeds.ts';

const seeds = readSeeds('originators');
const OWNED = ['alice@example.org', 'sales@example.org'];

// The alphabet of the attacks: addresses, what may stand around them, and every character that some parser minds.
const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...[
        'alice@example.org',
        '<alice@example.org>',
        '<sales@example.org>',
        'ceo@example.org',
        '<ceo@example.org>',
      ],
      ...[
        '"ceo@example.org"',
        '"a@b"@example.org',
        '"a b"@example.org',
        'Alice',
        'Alice Brien',
        '"Brien, Alice"',
        "'Al'",
      ],
      ...[
        '(Alice)',
        '(a@b)',
        '(a (b))',
        'Group:',
        ':;',
        '"\\""',
        'J.',
        'x=y',
        'Zoë',
        'a@bücher.example',
        '\u00a0',
        '\u3000',
      ],
      ...[
        '=?utf-8?Q?Ren=C3=A9?=',
        '=?utf-8?B?PGNlb0BleGFtcGxlLm9yZz4=?=',
        '=?utf-8?Q?ceo=40example.org?=',
        '=?x?q?=22?=',
      ],
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...' \t,<>"():;@\\.[]\'`%!|_', '\r\n ', ', ', ' <', '=?', '?='),
  },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 3, unit: 'binary' }) },
);
const value = fc.oneof(
  { weight: 3, arbitrary: fc.array(piece, { minLength: 1, maxLength: 9 }).map((pieces) => pieces.join('')) },
  { weight: 1, arbitrary: mutations(seeds) },
);
const examples = seeds.map((seed) => [seed] as [string]);

/** The value as it stands in a field: one character an octet. */
const asOctets = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

test(
  'nobody sends as somebody else: whatever is accepted names owned addresses only',
  () => {
    fc.assert(
      fc.property(value, value, (from, sender) => {
        const fields = [
          { name: 'From', value: asOctets(from) },
          { name: 'Sender', value: asOctets(sender) },
        ];
        for (const list of [fields, fields.slice(0, 1)]) {
          const refusal = checkHeader(alice({ addresses: OWNED }), list);
          if (refusal) expect(refusal.reason).toMatch(/^\P{C}+$/u);
          if (refusal) continue;
          for (const field of list) {
            // Beside our own reading, the crudest one: any address in angle brackets, any bare address.
            const shown = field.value.replace(/"(?:[^"\\]|\\.)*"/gs, (text) =>
              text.includes('@') ? '""' : text,
            );
            for (const [address] of shown.matchAll(/[^\s<>,;:()"]+@[^\s<>,;:()"]+/g)) {
              expect(OWNED.map(addressKey)).toContain(addressKey(address));
            }
          }
        }
      }),
      {
        ...effort<[string, string]>(25_000),
        examples: examples.map(([one]): [string, string] => [one, one]),
      },
    );
  },
  PATIENCE,
);

test(
  'nodemailer and postal-mime see the same addresses in whatever is accepted',
  () => {
    let accepted = 0;
    fc.assert(
      fc.property(value, (from) => {
        const ours = readOriginators([{ name: 'From', value: asOctets(from) }]);
        if (isRefusal(ours)) return;
        accepted += 1;
        const expected = keys(ours.from);
        expect(keys(flatten(addressparser(from)))).toEqual(expected);
        expect(keys(flatten(postalMimeParser(from)))).toEqual(expected);
      }),
      { ...effort<[string]>(25_000), examples },
    );
    // The property says nothing if everything is refused.
    expect(accepted).toBeGreaterThan(200);
  },
  PATIENCE,
);

function flatten(list: readonly (Address | ReturnType<typeof postalMimeParser>[number])[]): string[] {
  return list.flatMap((entry) => (entry.group ? flatten(entry.group) : [entry.address ?? '']));
}

function keys(addresses: readonly string[]): string[] {
  return [...new Set(addresses.map((address) => addressKey(address) ?? `not an address: ${address}`))].sort();
}

const displayName = fc.stringMatching(/^[A-Za-zé山., :;()[\]"\\'-]{0,20}$/).map((name) => name.trim());
const mailbox = fc.record({
  address: fc.constantFrom(
    'alice@example.org',
    'o.brien+x@sub.example.org',
    '"a..b"@example.org',
    'a@bücher.example',
  ),
  displayName,
});

test(
  'what was written is what is read',
  () => {
    fc.assert(
      fc.property(
        fc.array(mailbox, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(', ', ',', ',\r\n '),
        (list, comma) => {
          const written = list.map(({ address, displayName: name }) =>
            name === '' ? address : `"${name.replace(/["\\]/g, '\\$&')}" <${address}>`,
          );
          expect(parseMailboxList(written.join(comma))).toEqual(list);
        },
      ),
      effort(4000),
    );
  },
  PATIENCE,
);

test('a From of 16 KiB is read in no time, whatever it repeats', () => {
  for (const seed of [
    ...seeds,
    ' ',
    '"',
    '(',
    '<',
    ',',
    '\\',
    '=?',
    '=?x?q?',
    '=?x?q??=',
    '.',
    '@',
    'a',
    '\r\n ',
  ]) {
    for (const before of ['', '"', '(', '<', 'a@', 'a ']) {
      const text = asOctets(before + seed.repeat(16_000 / seed.length)).slice(0, 16_384);
      const spent = processorTime(() => readOriginators([{ name: 'From', value: text }]));
      expect(spent).toBeLessThan(500);
    }
  }
});
