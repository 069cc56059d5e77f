// "Composition Kills: A Case Study of Email Sender Authentication" (Chen, Paxson, Jiang; USENIX Security 2020): its attacks on
// From, sent by somebody who is signed in (§6.2, A17). alice@example.org is the attacker, ceo@example.org the victim.

import { expect, test } from 'vitest';
import type { RefusalCode } from '../../src/refusal.ts';
import { judge } from '../unit/policy/principals.ts';

const A = 'alice@example.org';
const CEO = 'ceo@example.org';
const base64 = (text: string) => `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;

test.each<[string, string, RefusalCode]>([
  ['A6, Figure 6a: multiple From', `From: <${A}>\r\nFrom: <${CEO}>\r\n`, 'header-from-ambiguous'],
  ['A6: the other order', `From: <${CEO}>\r\nFrom: <${A}>\r\n`, 'header-from-ambiguous'],
  ['A7 (a): a From with a space before it, first', ` From: <${A}>\r\nFrom: <${CEO}>\r\n`, 'header-malformed'],
  ['A7 (a): the other order', ` From: <${CEO}>\r\nFrom: <${A}>\r\n`, 'header-malformed'],
  ['A7 (b), Figure 6c: a space before the colon', `From: <${A}>\r\nFrom : <${CEO}>\r\n`, 'header-malformed'],
  ['A7 (b): the only From', `From : <${A}>\r\n`, 'header-malformed'],
  [
    'A7 (c), Figure 6b: a folded space before the colon',
    `From\r\n : <${A}>\r\nFrom: <${CEO}>\r\n`,
    'header-malformed',
  ],
  [
    'A8, Figure 6d: no From that all see, and Sender',
    `From\r\n : <${A}>\r\nSender: <${CEO}>\r\n`,
    'header-malformed',
  ],
  ['A8: Sender in place of From', `Sender: <${CEO}>\r\n`, 'header-from-missing'],
  ['A8: Resent-From in place of From', `Resent-From: <${CEO}>\r\n`, 'header-from-missing'],
  [
    'A8, Figure 6f: folded From and Resent-From',
    ` From: <${A}>\r\nResent-From: <${CEO}>\r\n`,
    'header-malformed',
  ],
  ['A8: Sender beside From', `From: <${A}>\r\nSender: <${CEO}>\r\n`, 'header-sender-not-owned'],
  ['A8: Resent-From beside From', `From: <${A}>\r\nResent-From: <${CEO}>\r\n`, 'header-sender-not-owned'],
  [
    'Figure 6e: two of her own and a Sender',
    `From: <${A}>, <sales@example.org>\r\nSender: <${CEO}>\r\n`,
    'header-sender-not-owned',
  ],
  ['A9, Figure 8a: multiple addresses', `From: <${A}>, <${CEO}>\r\n`, 'header-from-not-owned'],
  ['A9: the other order', `From: <${CEO}>, <${A}>\r\n`, 'header-from-not-owned'],
  ['A10, Figure 8b: encoded address', `From: ${base64(`<${CEO}>`)}, <${A}>\r\n`, 'header-from-ambiguous'],
  [
    'A10: encoded address without a comma',
    `From: ${base64(`<${CEO}>,`)} <${A}>\r\n`,
    'header-from-ambiguous',
  ],
  ['A10: encoded address after the real one', `From: <${A}>, ${base64(CEO)}\r\n`, 'header-from-ambiguous'],
  ['A11, Figure 8c: route portion', `From: <@example.org,@any.example:${CEO}>\r\n`, 'header-from-ambiguous'],
  ['A11: with her own address at its end', `From: <@any.example:${A}>\r\n`, 'header-from-ambiguous'],
  [
    'Figure 7: display name, route, address and comment',
    `From: "a@a.example" <@b.example, @c.example:${A}> (e@e.example)\r\n`,
    'header-from-ambiguous',
  ],
  ['A12, Figure 8d: quoted pair', `From: <${CEO}>\\, <${A}>\r\n`, 'header-from-ambiguous'],
  ['A12, §6.2: quoted pair, bare', `From: ${CEO}\\,<${A}>\r\n`, 'header-from-ambiguous'],
  ['A13, Figure 8e: precedence of special characters', `From: ${CEO}, <${A}>\r\n`, 'header-from-not-owned'],
  ['A13, Figure 8f: address after the angle brackets', `From: <${A}>${CEO}\r\n`, 'header-from-ambiguous'],
  ['A13: address before the angle brackets', `From: ${CEO}<${A}>\r\n`, 'header-from-ambiguous'],
  ['B1: invisible characters', `From: <alice@example.org\u2000>\r\n`, 'header-from-ambiguous'],
  ['B2: encoding alone', `From: ${base64(A)}\r\n`, 'header-from-ambiguous'],
  ['B3: no From, a Sender', `Subject: x\r\nSender: <${A}>\r\n`, 'header-from-missing'],
  ['A3 in From: NUL', `From: <${A}\0.example.com>\r\n`, 'header-malformed'],
  ['A17: simply somebody else', `From: <${CEO}>\r\n`, 'header-from-not-owned'],
])('%s', (_attack, header, verdict) => {
  expect(judge(`${header}To: <bob@example.com>\r\n`)).toBe(verdict);
});
