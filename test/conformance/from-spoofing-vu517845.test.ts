// CERT/CC VU#517845 "Authenticated SMTP users may spoof other identities due to ambiguous From header interpretation" (2025),
// and the work it rests on: "Old new email attacks" (Slonser, 2024; CVE-2024-49040), Mailsploit (Haddouche, 2017).
// alice@example.org is signed in.

import { expect, test } from 'vitest';
import type { RefusalCode } from '../../src/refusal.ts';
import { judge } from '../unit/policy/principals.ts';

const A = 'alice@example.org';
const CEO = 'ceo@example.org';
const base64 = (text: string) => `=?utf-8?b?${Buffer.from(text).toString('base64')}?=`;

test.each<[string, string, RefusalCode]>([
  ['VU#517845: her own address as a group name', `<${A}>:<${CEO}>`, 'header-from-ambiguous'],
  ['VU#517845: as a group name, closed', `<${CEO}>:<${A}>;`, 'header-from-ambiguous'],
  ['VU#517845: quotes and angle brackets', `"<${CEO}>" <${A}>`, 'header-from-ambiguous'],
  ['RFC 6854: a group as From', `Board: ${A};`, 'header-from-ambiguous'],
  ['RFC 6854: an empty group as From', 'Nobody:;', 'header-from-ambiguous'],
  ['RFC 6854: a group and a mailbox', `Nobody:;, <${A}>`, 'header-from-ambiguous'],
  [
    'Slonser: something in angle brackets before the address',
    `<${CEO}> "ceo" <${A}>`,
    'header-from-ambiguous',
  ],
  ['Slonser: group names with angle brackets', `"Ceo"\r\n <${A}>: ${CEO}`, 'header-from-ambiguous'],
  ['Slonser: a name and a group name', `Alice <${CEO}>:<${A}>`, 'header-from-ambiguous'],
  ['Slonser: a colon in quotes, the victim outside', `": <${A}> "<${CEO}>`, 'header-from-ambiguous'],
  ['Slonser: a colon in quotes, the victim inside', `": <${CEO}> "<${A}>`, 'header-from-ambiguous'],
  [
    'Slonser: a domain literal with a line break',
    'alice@[example.org\r\n Subject: x]',
    'header-from-ambiguous',
  ],
  [
    'Slonser: a domain literal that ends an angle bracket',
    `<alice@[::1>"[:${CEO}]>`,
    'header-from-ambiguous',
  ],
  [
    'Mailsploit: address and NUL encoded in the local part',
    `${base64(CEO)}${base64('\0')}@example.org`,
    'header-from-ambiguous',
  ],
  [
    'Mailsploit: the same in angle brackets',
    `<${base64(CEO)}=?utf-8?Q?=00?=@example.org>`,
    'header-from-ambiguous',
  ],
  ['Mailsploit: address and NUL in the name', `${base64(`${CEO}\0`)} <${A}>`, 'header-from-ambiguous'],
  [
    'Mailsploit: address and line break in the name',
    `"${base64(`${CEO}\n`)}" <${A}>`,
    'header-from-ambiguous',
  ],
  ['Mailsploit: address and NUL in Q', `=?utf-8?Q?ceo=40example.org=00?= <${A}>`, 'header-from-ambiguous'],
])('%s', (_attack, value, verdict) => {
  expect(judge(`From: ${value}\r\nTo: <bob@example.com>\r\n`)).toBe(verdict);
});
