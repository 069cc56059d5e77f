// XCLIENT and XFORWARD as in Postfix's XCLIENT_README and XFORWARD_README: "Use of this command must be restricted to authorized
// clients." Postern says them itself; a client's own reach nobody, in whatever shape and at whatever moment they come.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SmtpClient } from '../support/smtp-client.ts';
import { connectTo, signIn } from '../support/smtp-session.ts';
import { startTestGateway, type TestGateway } from '../support/test-gateway.ts';

const EXTENSIONS = [
  'PIPELINING',
  '8BITMIME',
  'XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT',
  'XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT',
];
const OWN = [
  'XCLIENT LOGIN=bob@example.org ADDR=192.0.2.66 HELO=evil.example',
  'xclient login=bob@example.org addr=192.0.2.66 helo=evil.example',
  'XCLIENT\tLOGIN=bob@example.org HELO=evil.example',
  'XFORWARD ADDR=192.0.2.66 HELO=evil.example SOURCE=LOCAL',
  'XForward NAME=evil.example',
  'XCLIENT',
];

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startTestGateway({
    upstream: { keywords: EXTENSIONS },
    upstreamKnown: true,
    relay: { identity: { xclient: 'required', xforward: 'required', mailFromAuth: false } },
  });
});
afterEach(() => gateway.close());

/** Every line that the upstream was told, of all connections. */
const told = (): string[] => gateway.upstream.connections.flatMap(({ commands }) => commands);
const toldBy = (verb: RegExp): string[] => told().filter((line) => verb.test(line));

async function deliver(client: SmtpClient, lines: string): Promise<void> {
  expect(await client.command('MAIL FROM:<alice@example.org>')).toEqual([expect.stringMatching(/^250 /)]);
  expect(await client.command('RCPT TO:<bob@example.net>')).toEqual([expect.stringMatching(/^250 /)]);
  expect(await client.command('DATA')).toEqual([expect.stringMatching(/^354 /)]);
  expect(await client.command(`From: alice@example.org\r\n\r\n${lines}\r\n.`)).toEqual([
    expect.stringMatching(/^250 /),
  ]);
}

describe('a client’s own', () => {
  test('is not offered, before TLS, in it, and signed in', async () => {
    const client = await connectTo(gateway, 'starttls');
    const offers = [await client.command('EHLO client.example')];
    await client.command('STARTTLS');
    await client.startTls();
    offers.push(await client.command('EHLO client.example'));
    await signIn(gateway, client);
    offers.push(await client.command('EHLO client.example'));
    expect(offers.flat().join('\n')).not.toMatch(/XCLIENT|XFORWARD/i);
    client.destroy();
  });

  test.each(OWN)('%j is an unknown command at every moment, and the message stays Alice’s', async (line) => {
    const unknown = async (client: SmtpClient) =>
      expect(await client.command(line)).toEqual([expect.stringMatching(/^(?:500 5\.5\.[12]|530 5\.7\.0) /)]);
    const client = await connectTo(gateway, 'implicit');
    await unknown(client);
    await client.command('EHLO client.example');
    await unknown(client);
    await signIn(gateway, client);
    await unknown(client);
    expect(await client.command('MAIL FROM:<alice@example.org>')).toEqual([expect.stringMatching(/^250 /)]);
    await unknown(client);
    expect(await client.command('RSET')).toEqual([expect.stringMatching(/^250 /)]);
    await deliver(client, `${line}\r\n..\r\n${line}`);
    client.destroy();

    expect(told().join('\n')).not.toMatch(/evil|192\.0\.2\.66|bob@example\.org/);
    expect(toldBy(/^xclient/i)).toEqual([
      expect.stringMatching(/^XCLIENT LOGIN=alice@example\.org PROTO=ESMTP HELO=client\.example /),
    ]);
    for (const forwarded of toldBy(/^xforward/i)) expect(forwarded).toContain(' HELO=client.example');
    expect(gateway.upstream.accepted).toHaveLength(1);
  });

  test('in one segment with the commands of a message, around each of them', async () => {
    const client = await connectTo(gateway, 'implicit');
    await client.command('EHLO client.example');
    await signIn(gateway, client);
    const message = ['MAIL FROM:<alice@example.org>', 'RCPT TO:<bob@example.net>', 'RSET'];
    await client.write(
      message
        .flatMap((line) => [OWN[0], line])
        .join('\r\n')
        .concat('\r\n'),
    );
    const codes: string[] = [];
    for (let left = message.length * 2; left > 0; left -= 1)
      codes.push((await client.readReply())[0]?.slice(0, 3) ?? '');
    expect(codes).toEqual(['500', '250', '500', '250', '500', '250']);
    expect(told().join('\n')).not.toContain('evil');
    client.destroy();
  });
});

describe('what a client calls itself', () => {
  test.each([
    'x+0D+0AXCLIENT',
    'x+20LOGIN=bob@example.org',
    'LOGIN=bob@example.org',
    'ADDR=192.0.2.66',
    '[UNAVAILABLE]',
    '=',
    `${'+'.repeat(255)}`,
  ])('(%j) is one value of one attribute', async (name) => {
    const client = await connectTo(gateway, 'implicit');
    expect(await client.command(`EHLO ${name}`)).toContainEqual(expect.stringMatching(/^250/));
    await signIn(gateway, client);
    await deliver(client, 'hello');
    client.destroy();
    const [xclient = '', ...further] = toldBy(/^XCLIENT/);
    expect(further).toEqual([]);
    const attributes = xclient
      .split(' ')
      .slice(1)
      .map((attribute) => attribute.split('='));
    expect(attributes.map(([attribute]) => attribute)).toEqual([
      'LOGIN',
      'PROTO',
      'HELO',
      'PORT',
      'NAME',
      'REVERSE_NAME',
      'ADDR',
    ]);
    expect(attributes.every((attribute) => attribute.length === 2)).toBe(true);
    expect(xclient).toContain(' ADDR=127.0.0.1');
    expect(xclient).toContain('LOGIN=alice@example.org ');
    expect(toldBy(/^EHLO/).at(-1)).toMatch(/^EHLO [A-Za-z0-9.[\]-]+$/);
  });
});
