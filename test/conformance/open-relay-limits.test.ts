// A listed server that sends more than it may, in clear text where it must not, or after its trust was ended.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NETWORK_ISSUER } from '../../src/token/network-principal.ts';
import { subjectKey } from '../../src/token/token-id.ts';
import {
  ENDED,
  FEW,
  LISTED,
  OWN_HEADER,
  OWN_MAIL,
  openRelaySituation,
  RECIPIENT,
  type RelaySituation,
  SLOW,
  STRICT,
} from '../support/relay-attempts.ts';
import { TEST_TIME } from '../support/tokens.ts';

let situation: RelaySituation;
beforeAll(async () => {
  situation = await openRelaySituation();
});
afterAll(() => situation.gateway.close());

const NOT_TRUSTED = /^greeting: 554 5\.7\.1 This listener serves known servers only/;

describe('a listed server that sends more than it may', () => {
  test.each<[string, string[]]>([
    ['in a list', ['RCPT TO:<a@foreign.example>,<b@foreign.example>']],
    ['in one path', ['RCPT TO:<a@foreign.example,b@foreign.example>']],
    ['as a parameter', ['RCPT TO:<a@foreign.example> TO:<b@foreign.example>']],
    ['as a parameter without a path', ['RCPT TO:<a@foreign.example> b@foreign.example']],
    [
      'in the value of a parameter',
      ['RCPT TO:<a@foreign.example> ORCPT=rfc822;b@foreign.example>\rRCPT TO:<c@foreign.example'],
    ],
    ['behind a bare LF', ['RCPT TO:<a@foreign.example>\nRCPT TO:<b@foreign.example>']],
  ])('recipients %s', async (_what, recipients) => {
    await situation.expectRefused(
      { mail: OWN_MAIL, header: OWN_HEADER, recipients },
      /^RCPT: (421|500|501|555) /,
    );
  });

  test('recipients one by one: those above the limit get nothing', async () => {
    const recipients = ['a', 'b', 'c', 'd'].map((name) => `RCPT TO:<${name}@foreign.example>`);
    const before = situation.gateway.upstream.accepted.length;
    const client = await situation.connectFrom(LISTED, 'trusted');
    await client.readReply();
    await client.command('EHLO printer.example');
    const replies = [];
    for (const line of [OWN_MAIL, ...recipients, 'DATA'])
      replies.push((await client.command(line))[0]?.slice(0, 9));
    await client.command('From: scanner@example.org\r\n\r\nText\r\n.');
    expect(replies).toEqual(['250 2.1.0', '250 2.1.5', '250 2.1.5', '452 4.5.3', '452 4.5.3', '354 End d']);
    expect(
      situation.gateway.upstream.accepted.slice(before).map((message) => message.recipients.length),
    ).toEqual([2]);
  });

  test('messages: the second in a minute waits, on a new connection too', async () => {
    const own = { from: SLOW, mail: OWN_MAIL, header: OWN_HEADER };
    expect(await situation.attempt(own)).toBe('none');
    await situation.expectRefused(own, /^MAIL: 451 4\.7\.1 Too many messages, slow down/);
    await situation.expectRefused({ ...own, tls: true }, /^MAIL: 451 4\.7\.1 /);
  });

  test('connections: one more than it may hears 421, until one is gone', async () => {
    const own = { from: FEW, mail: OWN_MAIL, header: OWN_HEADER };
    const first = await situation.connectFrom(FEW, 'trusted');
    expect((await first.readReply())[0]).toMatch(/^220 /);
    await situation.expectRefused(own, /^greeting: 421 4\.7\.0 Too many connections/);
    await first.command('QUIT');
    expect(await situation.attempt(own)).toBe('none');
  });
});

describe('a network that must use TLS', () => {
  const own = { from: STRICT, mail: OWN_MAIL, header: OWN_HEADER };

  test('in clear text', async () => {
    await situation.expectRefused(own, /^MAIL: 530 5\.7\.0 Must issue a STARTTLS command first/);
  });

  test('by commands in the clear text behind STARTTLS', async () => {
    const before = situation.arrived();
    const client = await situation.connectFrom(STRICT, 'trusted');
    await client.readReply();
    await client.command('EHLO printer.example');
    await client.write(
      `STARTTLS\r\nEHLO x\r\n${OWN_MAIL}\r\n${RECIPIENT}\r\nDATA\r\n${OWN_HEADER[0]}\r\n\r\n.\r\n`,
    );
    expect((await client.readReply())[0]).toMatch(/^220 /);
    await client.startTls();
    expect((await client.command('DATA'))[0]).toMatch(/^503 /);
    expect((await client.command(RECIPIENT))[0]).toMatch(/^503 /);
    expect(situation.arrived()).toBe(before);
  });
});

describe('a network whose trust was ended', () => {
  const revoke = () =>
    situation.gateway.revocations.revoke({
      kind: 'subject',
      id: subjectKey(NETWORK_ISSUER, 'ended'),
      expiresAt: Math.ceil(TEST_TIME / 1000) + 86_400,
      issuedBefore: Math.ceil(TEST_TIME / 1000),
      cause: 'printer stolen',
    });

  test('the idle session hears it at once, the message on its way does not arrive, and nobody comes back', async () => {
    const own = { from: ENDED, mail: OWN_MAIL, header: OWN_HEADER };
    expect(await situation.attempt(own)).toBe('none');
    const before = situation.arrived();
    const idle = await situation.connectFrom(ENDED, 'trusted');
    await idle.readReply();
    const busy = await situation.connectFrom(ENDED, 'trusted');
    await busy.readReply();
    for (const line of ['EHLO printer.example', OWN_MAIL, RECIPIENT, 'DATA']) await busy.command(line);
    await busy.write('From: scanner@example.org\r\n\r\nText\r\n');
    const live = (await situation.gateway.sessions.list()).filter(({ peer }) => peer === ENDED);
    expect(live.map(({ mechanism, state }) => [mechanism, state])).toContainEqual([
      'trusted-network',
      'in-message',
    ]);

    await revoke();
    expect((await idle.readReply())[0]).toMatch(/^421 4\.7\.0 Access was revoked/);
    await busy.write('.\r\n');
    expect((await busy.readReply())[0]).toMatch(/^421 4\.7\.0 Access was revoked/);
    await situation.expectRefused(own, NOT_TRUSTED);
    await situation.expectRefused({ ...own, tls: true }, NOT_TRUSTED);
    expect(situation.arrived()).toBe(before);
    expect((await situation.gateway.sessions.list()).filter(({ peer }) => peer === ENDED)).toEqual([]);
  });

  test('the others go on', async () => {
    expect(await situation.attempt({ mail: OWN_MAIL, header: OWN_HEADER })).toBe('none');
  });
});
