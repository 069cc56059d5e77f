// RFC 5322 Appendix A: every From, Sender and Resent-From of the examples, and what Postern makes of it.

import { expect, test } from 'vitest';
import type { RefusalCode } from '../../src/refusal.ts';
import { alice, judge } from '../unit/policy/principals.ts';

const author = alice({
  addresses: [
    'jdoe@machine.example',
    'mjones@machine.example',
    'john.q.public@example.com',
    'pete@silly.example',
    'pete@silly.test',
    'mary@example.net',
    'smith@home.example',
    'jdoe@node.example',
  ],
});

test.each<[string, string[], RefusalCode | 'accepted']>([
  ['A.1.1 a message from one person to another', ['From: John Doe <jdoe@machine.example>'], 'accepted'],
  [
    'A.1.1 with a Sender',
    ['From: John Doe <jdoe@machine.example>', 'Sender: Michael Jones <mjones@machine.example>'],
    'accepted',
  ],
  ['A.1.2 different types of mailboxes', ['From: "Joe Q. Public" <john.q.public@example.com>'], 'accepted'],
  ['A.1.3 group addresses (in To and Cc only)', ['From: Pete <pete@silly.example>'], 'accepted'],
  ['A.2 reply', ['From: Mary Smith <mary@example.net>'], 'accepted'],
  [
    'A.3 resent message',
    ['Resent-From: Mary Smith <mary@example.net>', 'From: John Doe <jdoe@machine.example>'],
    'accepted',
  ],
  ['A.4 messages with trace fields', ['From: John Doe <jdoe@node.example>'], 'accepted'],
  // What follows is allowed by the syntax. It is what the attacks are made of, and no mail program writes it.
  [
    'A.5 white space, comments, and other oddities',
    ['From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>'],
    'header-from-ambiguous',
  ],
  ['A.6.1 obsolete addressing', ['From: Joe Q. Public <john.q.public@example.com>'], 'accepted'],
  [
    'A.6.1 obsolete addressing: a route',
    ['From: Mary Smith <@node.test:mary@example.net>'],
    'header-from-ambiguous',
  ],
  ['A.6.1 obsolete addressing: empty members', ['From: , jdoe@machine.example'], 'header-from-ambiguous'],
  [
    'A.6.3 obsolete white space and comments',
    ['From  : John Doe <jdoe@machine(comment).  example>'],
    'header-malformed',
  ],
  [
    'A.6.3 the same without the white space',
    ['From: John Doe <jdoe@machine(comment).  example>'],
    'header-from-ambiguous',
  ],
])('%s', (_section, lines, verdict) => {
  expect(judge(lines.map((line) => `${line}\r\n`).join(''), author)).toBe(verdict);
});
