// Real mail clients through Postern to a real Postfix, whose every answer reaches them.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Attempt, challengesIn, waysOf } from './clients/client.ts';
import { curl } from './clients/curl.ts';
import { gitSendEmail, PATCHED } from './clients/git-send-email.ts';
import { msmtp } from './clients/msmtp.ts';
import { MUTT_BODY, mutt, neomutt } from './clients/mutt.ts';
import { nodemailer } from './clients/nodemailer.ts';
import { python } from './clients/python.ts';
import { swaks } from './clients/swaks.ts';
import { SENDER } from './gate.ts';
import { composeLetter, expectIntact, type Letter } from './letter.ts';
import { type Postfix, startPostfix } from './postfix.ts';
import { expectCode, openSession } from './session.ts';
import { until } from './until.ts';
import { openWay, type Way } from './way.ts';

let way: Way<Postfix>;
let token: string;

beforeAll(async () => {
  way = await openWay({ startServer: startPostfix });
  token = await way.gate.token();
});
afterAll(async () => {
  const leaks = way?.gate.journal.leaks([token]);
  await way?.close();
  expect(leaks).toEqual([]);
});

const ALICE = 'alice@example.org';
const BOB = 'bob@example.org';
const ports = (tls: Attempt['tls']) => way.gate.ports[tls];

function attempt(letter: Letter, more: Partial<Attempt> = {}): Attempt {
  const { mechanism = 'XOAUTH2', tls = 'starttls' } = more;
  return {
    mechanism,
    tls,
    port: ports(tls),
    ca: way.gate.ca,
    user: SENDER,
    token,
    mailFrom: SENDER,
    recipients: [ALICE],
    letter,
    folder: way.folder,
    ...more,
  };
}

describe('a message', () => {
  test.each([
    // Of two mechanisms on offer curl takes OAUTHBEARER; XOAUTH2 by curl is a matter of demo.test.ts.
    ...waysOf([curl], ['OAUTHBEARER']),
    ...waysOf([msmtp, nodemailer, python]),
  ])(
    'goes from $name with $mechanism over $tls TLS to two people, byte for byte',
    async ({ client, mechanism, tls }) => {
      const recipients = [ALICE, BOB];
      const letter = composeLetter({ from: SENDER, to: recipients });
      const { delivered, told } = await client.submit(attempt(letter, { mechanism, tls, recipients }));
      expect(delivered, told).toBe(true);
      const arrival = await way.sink.find(({ head }) => head.includes(letter.mark), 'the letter');
      expect([arrival.mailFrom, arrival.recipients]).toEqual([SENDER, recipients]);
      expectIntact(arrival.content(), letter, ['Received', 'Received']);
    },
  );

  test.each([
    ...waysOf([mutt, neomutt]).map((each) => ({ ...each, body: MUTT_BODY })),
    ...waysOf([gitSendEmail]).map((each) => ({ ...each, body: patchOf(PATCHED) })),
  ])(
    'that $name writes itself goes with $mechanism over $tls TLS',
    async ({ client, mechanism, tls, body }) => {
      const letter = composeLetter({ from: SENDER, to: [ALICE] });
      const { delivered, told } = await client.submit(attempt(letter, { mechanism, tls }));
      expect(delivered, told).toBe(true);
      const arrival = await way.sink.find(({ head }) => head.includes(letter.mark), 'the message');
      expect([arrival.mailFrom, ...arrival.recipients]).toEqual([SENDER, ALICE]);
      expect(arrival.content().toString()).toContain(body.replaceAll('\n', '\r\n'));
    },
  );

  test.each([
    { client: mutt, challenges: 0 },
    { client: neomutt, challenges: 1 },
    { client: gitSendEmail, challenges: 0 },
  ])('is not taken from $client.name with a bad token, which it says', async ({ client, challenges }) => {
    const letter = composeLetter({ from: SENDER, to: [ALICE] });
    const { delivered, told } = await client.submit(attempt(letter, { token: 'bm8tc3VjaC10b2tlbg' }));
    expect(delivered, told).toBe(false);
    // NeoMutt shows the challenge and nothing else; the others show the 535.
    expect(challengesIn(told)).toHaveLength(challenges);
    if (challenges === 0) expect(told).toContain('535 5.7.8 Authentication credentials invalid');
  });
});

describe('swaks, which knows no OAuth', () => {
  const given = () => ({ folder: way.folder, from: SENDER, to: ALICE });

  test('is told to start TLS first', async () => {
    const { code, trace } = await swaks({ ...given(), port: ports('starttls'), more: [] });
    expect(code).not.toBe(0);
    expect(trace).toMatch(/^<\*\* 530 5\.7\.0 Must issue a STARTTLS command first/m);
    expect(trace).not.toMatch(/AUTH/);
  });

  test.each([
    { tls: 'starttls', options: ['--tls'] },
    { tls: 'implicit', options: ['--tls-on-connect'] },
  ] as const)('finds good TLS ($tls), the mechanisms, and no way in without a token', async (each) => {
    const { code, trace } = await swaks({
      ...given(),
      port: ports(each.tls),
      more: [...each.options, '--tls-verify', '--tls-ca-path', way.gate.ca],
    });
    expect(code).not.toBe(0);
    expect(trace).toMatch(/=== TLS started with cipher TLSv1\.3:/);
    expect(trace).toMatch(/^<~ +250 AUTH OAUTHBEARER XOAUTH2$/m);
    expect(trace).toMatch(/^<~\* 530 5\.7\.0 Authentication required/m);
  });

  test('finds no mechanism for a password', async () => {
    const password = ['--auth', 'PLAIN', '--auth-user', SENDER, '--auth-password', 'no'];
    const { trace } = await swaks({
      ...given(),
      port: ports('implicit'),
      more: ['--tls-on-connect', ...password],
    });
    expect(trace).toContain('Auth not attempted, requested type not available');
  });
});

describe('what Postfix says of a recipient', () => {
  const UNKNOWN = '<nobody@example.org>: Recipient address rejected: User unknown in virtual mailbox table';

  test.each([
    { address: 'nobody@example.org', code: '550', text: `5.1.1 ${UNKNOWN}` },
    {
      address: 'full@example.org',
      code: '452',
      text: '4.2.2 <full@example.org>: Recipient address rejected: Mailbox full',
    },
    {
      address: 'someone@elsewhere.example',
      code: '554',
      text: '5.7.1 <someone@elsewhere.example>: Relay access denied',
    },
  ])('reaches the client in its own words: $code for $address', async ({ address, code, text }) => {
    const client = await openSession(way.gate, token);
    expectCode(await client.command(`MAIL FROM:<${SENDER}>`), 250);
    expect(await client.command(`RCPT TO:<${address}>`)).toEqual([`${code} ${text}`]);
    // The transaction goes on: another recipient may be good.
    expectCode(await client.command(`RCPT TO:<${ALICE}>`), 250);
    client.destroy();
  });

  test.each([curl, msmtp, nodemailer, python, mutt, neomutt, gitSendEmail])(
    'is shown by $name',
    async (client) => {
      const letter = composeLetter({ from: SENDER, to: ['nobody@example.org'] });
      const { delivered, told } = await client.submit(
        attempt(letter, { recipients: ['nobody@example.org'] }),
      );
      expect(delivered, told).toBe(false);
      // smtplib shows bytes; all of them may fold the line.
      expect(told.replace(/\s+/g, ' ')).toContain(UNKNOWN);
    },
  );

  test.each([nodemailer, python])('keeps no other from their mail ($name)', async (client) => {
    const letter = composeLetter({ from: SENDER, to: [ALICE] });
    const { delivered } = await client.submit(attempt(letter, { recipients: [ALICE, 'nobody@example.org'] }));
    // Not to everybody, so not delivered in full, but to alice.
    expect(delivered).toBe(false);
    const arrival = await way.sink.find(({ head }) => head.includes(letter.mark), 'the letter');
    expect(arrival.recipients).toEqual([ALICE]);
  });
});

describe('while Postfix is down', () => {
  const ready = async () => (await fetch(`${way.gate.health}/ready`)).status;
  const mail = `MAIL FROM:<${SENDER}>`;

  test('the client hears 451, may stay, and goes on when it is back', async () => {
    const client = await openSession(way.gate, token);
    expectCode(await client.command(mail), 250);
    expectCode(await client.command('RSET'), 250);
    await way.server.stop();
    try {
      expect(await client.command(mail)).toEqual([
        expect.stringMatching(/^451 4\.4\.[12] .*try again later \[/),
      ]);
      // The connections kept from before are used up now: from here on it is known to be down.
      expect(await client.command(mail)).toEqual([
        expect.stringMatching(/^451 4\.4\.1 Mail server is not reachable/),
      ]);
      const letter = composeLetter({ from: SENDER, to: [ALICE] });
      const { delivered, told } = await msmtp.submit(attempt(letter));
      expect(delivered).toBe(false);
      expect(told).toMatch(/451 4\.4\.1 Mail server is not reachable/);
      await until(async () => (await ready()) === 503, 'Postern to say that it is not ready');
      await way.gate.journal.find(({ event }) => event === 'upstreamDown', 'the fall of the upstream');
    } finally {
      await way.server.start();
    }
    expectCode(await client.command(mail), 250);
    expectCode(await client.command('QUIT'), 221);
    await until(async () => (await ready()) === 200, 'Postern to say that it is ready');
    const letter = composeLetter({ from: SENDER, to: [ALICE] });
    const { delivered, told } = await msmtp.submit(attempt(letter));
    expect(delivered, told).toBe(true);
    await way.sink.find(({ head }) => head.includes(letter.mark), 'the letter');
  });

  test('a transaction that had begun ends with 451, and the next one succeeds', async () => {
    const client = await openSession(way.gate, token);
    expectCode(await client.command(mail), 250);
    await way.server.stop();
    try {
      expect(await client.command(`RCPT TO:<${ALICE}>`)).toEqual([expect.stringMatching(/^451 4\.4\.2 /)]);
    } finally {
      await way.server.start();
    }
    expectCode(await client.command('RSET'), 250);
    expectCode(await client.command(mail), 250);
    expectCode(await client.command(`RCPT TO:<${ALICE}>`), 250);
    client.destroy();
  });
});

/** The lines of a patch that adds a file. */
function patchOf(text: string): string {
  return text.replace(/^/gm, '+').replace(/\+$/, '');
}
