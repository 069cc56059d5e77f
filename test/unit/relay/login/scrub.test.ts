// Secrets in the upstream's words.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scrub } from '../../../../src/relay/login/scrub.ts';

test.each([
  ['535 no', ['hunter22secret'], '535 no'],
  ['535 hunter22secret is wrong', ['hunter22secret'], '535 [secret] is wrong'],
  ['535 hunter22... is wrong', ['hunter22secret'], '535 [secret]... is wrong'],
  ['535 HUNTER22SECRET', ['hunter22secret'], '535 [secret]'],
  ['535 short', ['short'], '535 [secret]'],
  ['535 shor', ['short'], '535 shor'],
  ['535 p?ssw?rd', ['pässwörd'], '535 p?ssw?rd'],
  ['535 p??ssw??rd', ['pässwörd'], '535 [secret]'],
  ['535 one, two', ['one', 'two'], '535 [secret], [secret]'],
  ['535 no', [''], '535 no'],
  ['', ['secret'], ''],
])('%j without %j is %j', (text, secrets, expected) => {
  expect(scrub(text, secrets)).toBe(expected);
});

test('no piece of eight characters survives, wherever it stands', () => {
  const printable = fc.string({ unit: fc.constantFrom(...'abcABC012+/='), minLength: 8, maxLength: 60 });
  fc.assert(
    fc.property(printable, printable, printable, fc.nat(52), (secret, before, after, from) => {
      const piece = secret.slice(Math.min(from, secret.length - 8));
      const scrubbed = scrub(`${before} ${piece} ${after}`, [secret]).toLowerCase();
      for (let at = 0; at + 8 <= secret.length; at += 1)
        expect(scrubbed).not.toContain(secret.slice(at, at + 8).toLowerCase());
    }),
  );
});
