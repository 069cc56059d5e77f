// What a real Postfix makes of whom Postern says a message is from: its log, its Received line, its sender maps.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { v1, v2 } from '../unit/port/headers.ts';
import {
  ALICE,
  BOB,
  closeRows,
  deliver,
  LAPTOP,
  logged,
  openRow,
  PHONE,
  type Row,
  SCANNER,
  SHARED,
  signedIn,
  whose,
} from './announced.ts';
import { openProxied } from './proxied-client.ts';
import { expectCode } from './session.ts';

afterAll(closeRows);

describe('XCLIENT', () => {
  let row: Row;
  beforeAll(async () => {
    row = await openRow({ identity: { xclient: 'required' } });
  });

  test('messages of a laptop are logged, and traced, as the laptop’s and Alice’s, over one connection', async () => {
    const session = await signedIn(row, { user: ALICE, header: v1({ source: LAPTOP, sourcePort: 40001 }) });
    const arrival = await deliver(row, session, ALICE);
    await logged(
      row,
      /: client=unknown\[203\.0\.113\.9\]:40001, sasl_method=XCLIENT, sasl_username=alice@example\.org\n/,
    );
    const [received] = arrival.head.replace(/\r\n\s+/g, ' ').split('\r\n');
    // ESMTPSA (RFC 3848): the TLS of before XCLIENT still counts, and so does the sign-in that Postfix has only been told of.
    expect(received).toMatch(
      /^Received: from laptop\.example \(unknown \[203\.0\.113\.9\]\) \(Authenticated sender: alice@example\.org\) by mta\.example\.org \(Postfix\) with ESMTPSA /,
    );
    const connections = row.postfix.log().match(/connect from unknown\[127/g)?.length;
    await deliver(row, session, ALICE);
    await deliver(row, session, ALICE);
    expectCode(await session.command('QUIT'), 221);
    expect(row.postfix.log().match(/connect from unknown\[127/g)).toHaveLength(connections ?? 0);
    expect(whose(row).map(({ client }) => client)).toEqual(
      new Array(3).fill(expect.stringMatching(/^client=unknown\[203.*:40001, .*=alice@example\.org$/)),
    );
  });

  test('of a phone with IPv6 and an address literal likewise', async () => {
    const session = await signedIn(row, {
      user: BOB,
      header: v2({ source: PHONE, sourcePort: 40002 }),
      name: `[IPv6:${PHONE}]`,
    });
    const arrival = await deliver(row, session, BOB);
    await logged(
      row,
      /: client=unknown\[2001:db8::7\]:40002, sasl_method=XCLIENT, sasl_username=bob@example\.org\n/,
    );
    expect(arrival.head.replace(/\r\n\s+/g, ' ')).toContain(
      'Received: from [IPv6:2001:db8::7] (unknown [IPv6:2001:db8::7])',
    );
  });

  test('Postfix’s sender map refuses what Postern’s policy lets pass, and the client hears its words', async () => {
    const session = await signedIn(row, { user: ALICE, header: v1({ source: LAPTOP, sourcePort: 40003 }) });
    expectCode(await session.command(`MAIL FROM:<${SHARED}>`), 250);
    expect(await session.command(`RCPT TO:<${BOB}>`)).toEqual([
      `553 5.7.1 <${SHARED}>: Sender address rejected: not owned by user ${ALICE}`,
    ]);
    await logged(
      row,
      /reject: RCPT from unknown\[203\.0\.113\.9\]:40003: 553 5\.7\.1 .* from=<shared@example\.org> to=<bob@example\.org> proto=ESMTP helo=<laptop\.example>\n/,
    );
    expectCode(await session.command('RSET'), 250);
    await deliver(row, session, ALICE);
  });

  test('lets a signed-in user relay, and nobody else', async () => {
    const session = await signedIn(row, { user: ALICE, header: v1({ source: LAPTOP, sourcePort: 40004 }) });
    expectCode(await session.command(`MAIL FROM:<${ALICE}>`), 250);
    expectCode(await session.command('RCPT TO:<someone@elsewhere.example>'), 250);
    session.destroy();
    const server = await openProxied({
      port: row.ports.servers,
      ca: row.gate.ca,
      header: v1({ source: SCANNER, sourcePort: 40005 }),
      name: 'scanner.example',
    });
    expectCode(await server.command(`MAIL FROM:<${ALICE}>`), 250);
    expect(await server.command('RCPT TO:<someone@elsewhere.example>')).toEqual([
      `553 5.7.1 <${ALICE}>: Sender address rejected: not logged in`,
    ]);
    await logged(row, /reject: RCPT from unknown\[198\.51\.100\.7\]:40005: 553 .* helo=<scanner\.example>\n/);
    server.destroy();
  });

  test('of people who take turns, no message is another’s', async () => {
    const before = whose(row).length;
    const people = [
      { user: ALICE, header: v1({ source: LAPTOP, sourcePort: 40010 }) },
      { user: BOB, header: v1({ source: LAPTOP, sourcePort: 40011 }) },
      { user: BOB, header: v2({ source: PHONE, sourcePort: 40012 }) },
      { user: ALICE, header: v2({ source: PHONE, sourcePort: 40013 }) },
    ] as const;
    const sessions = await Promise.all(people.map((person) => signedIn(row, person)));
    for (let turn = 0; turn < 2; turn += 1) {
      for (const [index, session] of sessions.entries())
        await deliver(row, session, people[index]?.user ?? '');
    }
    await Promise.all(sessions.map((session, index) => deliver(row, session, people[index]?.user ?? '')));
    for (const session of sessions) expectCode(await session.command('QUIT'), 221);
    await row.postfix.settled();
    const told = whose(row).slice(before);
    expect(told).toHaveLength(12);
    for (const { client, from } of told)
      expect(client).toContain(`sasl_method=XCLIENT, sasl_username=${from}`);
    const places = told.map(({ client, from }) => `${/\[(.*?)\]:\d+/.exec(client)?.[0]} ${from}`);
    expect(new Set(places)).toEqual(
      new Set([
        `[${LAPTOP}]:40010 ${ALICE}`,
        `[${LAPTOP}]:40011 ${BOB}`,
        `[${PHONE}]:40012 ${BOB}`,
        `[${PHONE}]:40013 ${ALICE}`,
      ]),
    );
  });

  test('a client’s own is not understood, and changes nothing', async () => {
    const session = await signedIn(row, { user: ALICE, header: v1({ source: LAPTOP, sourcePort: 40020 }) });
    const own = `LOGIN=${BOB} ADDR=192.0.2.1 HELO=evil.example`;
    expectCode(await session.command(`XCLIENT ${own}`), 500);
    expectCode(await session.command(`MAIL FROM:<${SHARED}>`), 250);
    expectCode(await session.command(`XCLIENT ${own}`), 500);
    expectCode(await session.command(`RCPT TO:<${BOB}>`), 553);
    expect(row.postfix.log()).not.toContain('evil.example');
  });
});

test('XCLIENT that Postfix grants nobody stops the mail, and the journal says which setting to change', async () => {
  const row = await openRow({
    identity: { xclient: 'required' },
    settings: { smtpd_authorized_xclient_hosts: '' },
  });
  const session = await signedIn(row, { user: ALICE, header: v1({ source: LAPTOP }) });
  expect(await session.command(`MAIL FROM:<${ALICE}>`)).toEqual([
    expect.stringMatching(/^451 4\.4\.0 Mail server does not accept this gate/),
  ]);
  await row.gate.journal.find(
    ({ reason }) => String(reason).includes('smtpd_authorized_xclient_hosts'),
    'the reason in the journal',
  );
});

test('a Postfix without IPv6 learns the user of an IPv6 client, and believes in no address', async () => {
  const row = await openRow({
    identity: { xclient: 'required', xforward: 'required' },
    settings: { inet_protocols: 'ipv4', mynetworks: '0.0.0.0/0' },
  });
  const session = await signedIn(row, { user: ALICE, header: v2({ source: PHONE }) });
  await deliver(row, session, ALICE);
  await logged(row, /: client=unknown\[unknown\].*, sasl_method=XCLIENT, sasl_username=alice@example\.org/);
});

test('XFORWARD has Postfix log the client beside Postern, and AUTH= the user', async () => {
  const row = await openRow({
    identity: { xforward: 'required', mailFromAuth: true },
    settings: {
      smtpd_discard_ehlo_keywords: '',
      smtpd_sender_restrictions: '',
      smtpd_relay_restrictions: 'reject_unauth_destination',
    },
  });
  for (const header of [
    v1({ source: LAPTOP, sourcePort: 40001 }),
    v2({ source: PHONE, sourcePort: 40002 }),
  ]) {
    const session = await signedIn(row, { user: ALICE, header });
    await deliver(row, session, ALICE);
    expectCode(await session.command('QUIT'), 221);
  }
  const line = (client: string) =>
    new RegExp(
      `: client=unknown\\[127\\.0\\.0\\.1\\]:\\d+,.* sasl_sender=alice@example\\.org, orig_client=unknown${client}\n`,
    );
  await logged(row, line('\\[203\\.0\\.113\\.9\\]:40001'));
  await logged(row, line('\\[2001:db8::7\\]:40002'));
});
