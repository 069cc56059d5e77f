// "Weak Links in Authentication Chains: A Large-scale Analysis of Email Sender Spoofing Attacks" (Shen et al., USENIX Security
// 2021): its ways of making From say two things, as its fuzzer writes them. alice@example.org is signed in.

import { expect, test } from 'vitest';
import type { RefusalCode } from '../../src/refusal.ts';
import { judge } from '../unit/policy/principals.ts';

const A = 'alice@example.org';
const CEO = 'ceo@example.org';

test.each<[string, string, RefusalCode]>([
  ['multiple From, the first with a space', ` From: <${A}>\r\nFrom: <${CEO}>\r\n`, 'header-malformed'],
  ['multiple From, case variation', `FrOM: <${A}>\r\nFrom: <${CEO}>\r\n`, 'header-from-ambiguous'],
  [
    'multiple From, one with an octet beyond ASCII in its name',
    `From\u00ff: <${CEO}>\r\nFrom: <${A}>\r\n`,
    'header-malformed',
  ],
  ['inserted space', `From : <${A}>\r\n`, 'header-malformed'],
  ['Sender and From disagree', `From: <${A}>\r\nSender: <${CEO}>\r\n`, 'header-sender-not-owned'],
  ['truncation by NUL', `From: <${CEO}\0${A}>\r\n`, 'header-malformed'],
  ['truncation by a non-character', `From: <${CEO}\uffff.example.net>\r\n`, 'header-from-ambiguous'],
  ['truncation by a brace', `From: <alice@example.com}example.org>\r\n`, 'header-from-ambiguous'],
  [
    'an encoded address',
    `From: <=?utf-8?B?${Buffer.from(CEO).toString('base64')}?=>\r\n`,
    'header-from-ambiguous',
  ],
  [
    'an encoded address, NUL, a domain',
    `From: <=?utf-8?B?${Buffer.from(CEO).toString('base64')}?=>\0@example.org\r\n`,
    'header-malformed',
  ],
  [
    'an encoded header',
    `From: <=?utf-8?${Buffer.from(`From: ${CEO}`).toString('base64')}=?=>\r\n`,
    'header-from-ambiguous',
  ],
  ['right-to-left override', `From: <\u202egro.elpmaxe@\u202doec>\r\n`, 'header-from-ambiguous'],
  ['right-to-left override in the name', `From: \u202eoec\u202c <${A}>\r\n`, 'header-from-ambiguous'],
  ['a homograph domain', 'From: <alice@ex\u0430mple.org>\r\n', 'header-from-not-owned'],
  ['a homograph domain in its A-form', 'From: <alice@xn--exmple-4nf.org>\r\n', 'header-from-not-owned'],
  ['a homograph local part', 'From: <\u0430lice@example.org>\r\n', 'header-from-not-owned'],
  ['empty members and comments', `From: ,,(comment),${A},(hi)\r\n`, 'header-from-ambiguous'],
  ['a comment with a line break', `From:(comm\r\nent),<${A}>\r\n`, 'header-malformed'],
  ['a folded comment', `From: (comm\r\n ent)<${A}>\r\n`, 'header-from-ambiguous'],
  ['a route in colons', `From: <@any.example:@b.example:${A}>(comment)\r\n`, 'header-from-ambiguous'],
  [
    'two members, each with oddities',
    `From: word<${A}>,word(comment)<${CEO}>(comment)\r\n`,
    'header-from-ambiguous',
  ],
  ['only the null member', 'From: <>\r\n', 'header-from-ambiguous'],
])('%s', (_attack, header, verdict) => {
  expect(judge(`${header}To: <bob@example.com>\r\n`)).toBe(verdict);
});
