// The player must fail where a dialogue goes another way: one that passes everything would prove nothing.

import { describe, expect, test } from 'vitest';
import { type PlayableGateway, playDialogue } from '../support/dialogue.ts';
import { parseDialogue } from '../support/dialogue-script.ts';
import { gatewayOptions } from '../support/dialogue-setup.ts';
import { leakedSecrets } from '../support/leaked-secrets.ts';
import { startTestGateway } from '../support/test-gateway.ts';

const MESSAGE = `C* MAIL FROM:<alice@example.org>
C* RCPT TO:<bob@example.net>
C* DATA
S* 250
S* 250
S* 354
C: From: alice@example.org
C: Date: Sun, 1 Nov 2026 00:00:00 +0000
C: Message-ID: <1@client.example>
C:
C: Text
C: .
S* 250
`;
const ARRIVED = `ARRIVED
from: <alice@example.org>
to: <bob@example.net>
`;

async function play(lines: string, change?: (gateway: PlayableGateway) => PlayableGateway): Promise<void> {
  const dialogue = parseDialogue('x.smtp', `# title\n${lines}`);
  const gateway = await startTestGateway(gatewayOptions(dialogue));
  await playDialogue(dialogue, change ? change(gateway) : gateway, 'implicit');
}

describe('a dialogue passes', () => {
  test('where all is as written', async () => {
    await play(
      `OPEN\nSIGNIN\n${MESSAGE}\n${ARRIVED}| {received}\n| From: {any}\n~ ^Date: \n| {any}\n|\n| Text\n`,
    );
  });
});

describe('a dialogue fails, saying where,', () => {
  test.each([
    [
      'at another reply',
      'OPEN\nC: NOOP\nS: 250 2.0.0 Fine\n',
      /x\.smtp:4: expected {2}250 2\.0\.0 Fine\n.*got {2}250 2\.0\.0 OK/,
    ],
    ['at a reply that only begins as expected', 'OPEN\nC: NOOP\nS: 250 2.0.0\n', /x\.smtp:4: /],
    ['at another regular expression', 'OPEN\nC: NOOP\nS~ ^250 .* sure$\n', /x\.smtp:4: /],
    ['at another code', 'OPEN\nC: NOOP\nS* 354\n', /x\.smtp:4: expected a reply of 354/],
    ['on a connection that is not there', 'OPEN\nON 2\n', /x\.smtp:3: there is no connection 2/],
    ['on an earlier connection', 'OPEN\nCONNECT\nS* 220\nON 1\nC: NOOP\nS* 220\n', /x\.smtp:7: expected/],
    [
      'at another challenge',
      'OPEN\nC: AUTH OAUTHBEARER {oauthbearer:token=}\nS= 334 {"status":"x"}\n',
      /x\.smtp:4: .*\n.*invalid_token/,
    ],
    ['where a keyword is missing', 'OPEN\nC: EHLO x\nS* 250\nHAS FUTURE\n', /x\.smtp:5: lacks FUTURE/],
    ['where a keyword is too many', 'OPEN\nC: EHLO x\nS* 250\nLACKS SIZE\n', /x\.smtp:5: has SIZE/],
    [
      'at a reply nobody asked for',
      'OPEN\nC* NOOP\nC* NOOP\nS* 250\n',
      /at the end: expected a reply of 221, got 250/,
    ],
    ['where the server should have closed', 'OPEN\nC: NOOP\nEOF\n', /x\.smtp:4: expected the end/],
    [
      'where a session id is not that of the session',
      'OPEN\nC: VRFY x\nS: 530 5.7.0 Authentication required [{session}]\nCONNECT\nS* 220\nC: FOO\nS: 530 x [{session}]\n',
      /x\.smtp:8: /,
    ],
    [
      'at an unknown kind of token',
      'OPEN\nC: {token:no-such}\n',
      /x\.smtp:3: no such kind of token: no-such/,
    ],
  ])('%s', async (_name, lines, message) => {
    await expect(play(`${lines}\nARRIVED nothing\n`)).rejects.toThrow(message);
  });

  test.each([
    [
      'a message arrived that should not have',
      'ARRIVED nothing',
      /ARRIVED: expected 0 message\(s\), the upstream had 1/,
    ],
    ['one is missing', `${ARRIVED}\n${ARRIVED}`, /expected 2 message\(s\), the upstream had 1/],
    ['it was refused, not accepted', ARRIVED.replace('ARRIVED', 'REFUSED'), /the upstream had 1/],
    ['the sender is another', ARRIVED.replace('alice', 'bob'), /envelope: expected <bob@example\.org>/],
    ['a parameter is missing', ARRIVED.replace('org>', 'org> SIZE=1'), /envelope/],
    ['a recipient is missing', `${ARRIVED}to: <carol@example.net>`, /envelope/],
    [
      'a line is another',
      `${ARRIVED}| {received}\n| From: alice@example.org\n~ Date\n~ Message\n|\n| Test`,
      /line 11 of the message\nexpected {2}Test\n.*got {2}Text/,
    ],
    [
      'a line is missing',
      `${ARRIVED}| {received}\n~ From\n~ Date\n~ Message\n|\n| Text\n| More`,
      /line 12 .*\nexpected {2}More\n.*nothing more/,
    ],
    [
      'a line is too many',
      `${ARRIVED}| {received}\n~ From\n~ Date\n~ Message\n|`,
      /expected {2}nothing more\n.*Text/,
    ],
  ])('where %s', async (_name, arrived, message) => {
    await expect(play(`OPEN\nSIGNIN\n${MESSAGE}\n${arrived}\n`)).rejects.toThrow(message);
  });

  test('where a message without its final dot is expected to have arrived', async () => {
    const cut = MESSAGE.replace('C: .\nS* 250\n', 'WAIT Text\nCLOSE\n');
    await expect(play(`OPEN\nSIGNIN\n${cut}\n${ARRIVED}`)).rejects.toThrow(/the upstream had 0/);
  });

  test('where the journal holds a token, a piece of one, or a password', async () => {
    const whole = 'OPEN\nSIGNIN\n\nARRIVED nothing\n';
    for (const piece of [
      (token: string) => token,
      (token: string) => token.slice(-60),
      (token: string) => btoa(token),
    ]) {
      let seen = '';
      const leaking = (gateway: PlayableGateway): PlayableGateway => ({
        ...gateway,
        token: async (kind) => (seen = await gateway.token(kind)),
        get journal() {
          return [...gateway.journal, `{"reason":"no good: ${piece(seen)}"}`];
        },
      });
      await expect(play(whole, leaking)).rejects.toThrow(/the journal holds credentials/);
    }
    const password = 'OPEN\nC: AUTH PLAIN {plain:alice,correct-horse}\nS* 504\n\nARRIVED nothing\n';
    const leaking = (gateway: PlayableGateway): PlayableGateway => ({
      ...gateway,
      journal: ['correct-horse'],
    });
    await expect(play(password, leaking)).rejects.toThrow(/the journal holds credentials/);
  });

  test('where the file cannot be read', () => {
    const parse = (content: string) => () => parseDialogue('x.smtp', content);
    expect(parse('OPEN\nARRIVED nothing')).toThrow(/x\.smtp:1: the first line must be/);
    expect(parse('# t\nOPEN\n')).toThrow(/it must end with ARRIVED/);
    expect(parse('# t\nOPNE\nARRIVED nothing')).toThrow(/x\.smtp:2: no such step: OPNE/);
    expect(parse('# t\nOPEN\nplay: implicit\nARRIVED nothing')).toThrow(/x\.smtp:3: no such step/);
    expect(parse('# t\nplay: 25\nARRIVED nothing')).toThrow(/no such listener: 25/);
    expect(parse('# t\nARRIVED\nbody: x')).toThrow(/x\.smtp:3: not a line of ARRIVED/);
  });
});

describe('leakedSecrets', () => {
  const secret = `${'Zm9v'.repeat(10)}.${'YmFy'.repeat(20)}.${'c2ln'.repeat(12)}`;

  test.each([0, 1, 2])('finds base64 of a secret that begins at offset %i modulo 3', (offset) => {
    const line = Buffer.from(`${'x'.repeat(30 + offset)}${secret}tail`).toString('base64');
    expect(leakedSecrets([line], [secret])).toHaveLength(1);
  });

  test('finds pieces and url-encoded forms, passes what is none', () => {
    expect(leakedSecrets([secret.slice(7, 60)], [secret])).toHaveLength(1);
    expect(leakedSecrets([encodeURIComponent('pass word%')], ['pass word%'])).toHaveLength(1);
    expect(leakedSecrets(['Zm9vZm9vZm9v and YmFyYmFy', ''], [secret])).toEqual([]);
  });
});
