// A listener for trusted networks never is an open relay: whoever tries, from wherever. Each attempt goes on after a refusal as if
// nothing had been said, and counts as a failure of ours where a message of its arrives. What listed servers may not do stands in
// open-relay-senders.test.ts and open-relay-limits.test.ts.
//
// The disguises of sender and recipient are those of the MAPS relay test and of nmap's smtp-open-relay, of which src/inspection
// has a table; PROXY headers are read as HAProxy's proxy-protocol.txt says; XCLIENT and XFORWARD are Postfix's.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { RECIPIENT_DISGUISES, SENDER_DISGUISES } from '../../src/inspection/relay-table.ts';
import {
  type Attempt,
  LISTED,
  LISTED_V6,
  OWN_HEADER,
  OWN_MAIL,
  openRelaySituation,
  PROXY,
  RECIPIENT,
  type RelaySituation,
  SETTINGS,
  STRICT,
  TRUSTED_PROXY,
  UNLISTED,
} from '../support/relay-attempts.ts';
import { connectSmtp } from '../support/smtp-client.ts';
import { startTestGateway } from '../support/test-gateway.ts';
import { load } from '../unit/config/configuration.ts';
import { tlv, v1, v2, v2Block } from '../unit/port/headers.ts';

let situation: RelaySituation;
beforeAll(async () => {
  situation = await openRelaySituation();
});
afterAll(() => situation.gateway.close());

const NOT_TRUSTED = /^greeting: 554 5\.7\.1 This listener serves known servers only/;
const LOGIN = /^MAIL: 530 5\.7\.0 Authentication required/;
const LOGIN_REQUIRED = /^530 5\.7\.0 Authentication required/;
/** `local` and, in the 16 bits behind it, that it is of no address family. */
const LOCAL = v2Block({ versionAndCommand: 0x20, familyAndTransport: 0 });
const UNSPEC = v2Block({ familyAndTransport: 0, block: tlv(0x04, Buffer.from('noop')) });
/** LOCAL, with the addresses of a listed server in the block that is to be discarded. */
const LOCAL_WITH_ADDRESS = Buffer.from(v2({ source: LISTED }));
LOCAL_WITH_ADDRESS[12] = 0x20;

describe('positive control: what is allowed arrives', () => {
  const own = { mail: OWN_MAIL, header: OWN_HEADER };
  test.each<[string, Attempt]>([
    ['a listed server', own],
    ['under TLS', { ...own, tls: true }],
    [
      'as any address of its domain',
      { mail: 'MAIL FROM:<a.b+c@print.example.org>', header: ['From: d@print.example.org'] },
    ],
    ['under the null reverse-path', { ...own, mail: 'MAIL FROM:<>' }],
    ['by BDAT', { ...own, chunked: true }],
    ['one that must use TLS, with it', { ...own, from: STRICT, tls: true }],
    [
      'through a load balancer, PROXY version 1',
      { ...own, listener: 'proxied', from: PROXY, ahead: [v1({ source: LISTED })] },
    ],
    [
      'through a load balancer, PROXY version 2',
      { ...own, listener: 'proxied', from: PROXY, ahead: [v2({ source: LISTED })] },
    ],
    ['over IPv6', { ...own, listener: 'proxied', from: PROXY, ahead: [v2({ source: LISTED_V6 })] }],
    [
      'in the IPv6 form of its IPv4 address',
      { ...own, listener: 'proxied', from: PROXY, ahead: [v1({ source: `::ffff:${LISTED}` })] },
    ],
    ['past the load balancer', { ...own, listener: 'proxied' }],
    [
      'a trusted load balancer that names a listed server',
      { ...own, listener: 'proxied', from: TRUSTED_PROXY, ahead: [v2({ source: LISTED })] },
    ],
  ])('%s', async (_what, attempt) => {
    const before = situation.gateway.upstream.accepted.length;
    expect(await situation.attempt(attempt)).toBe('none');
    expect(situation.gateway.upstream.accepted).toHaveLength(before + 1);
  });
});

describe('who is not listed', () => {
  const through = (from: string, ...ahead: Buffer[]): Attempt => ({ listener: 'proxied', from, ahead });
  test.each<[string, Attempt, RegExp]>([
    ['somebody else', { from: UNLISTED }, NOT_TRUSTED],
    ['the neighbour below the network', { from: '127.0.0.15' }, NOT_TRUSTED],
    ['the neighbour above it', { from: '127.0.0.32' }, NOT_TRUSTED],
    [
      'somebody else, as an allowed sender',
      { from: UNLISTED, mail: OWN_MAIL, header: OWN_HEADER },
      NOT_TRUSTED,
    ],
    [
      'somebody else, by the name of a listed server',
      { from: UNLISTED, hello: 'EHLO floor3.print.example.org' },
      NOT_TRUSTED,
    ],
    ['somebody else, by its address', { from: UNLISTED, hello: `EHLO [${LISTED}]` }, NOT_TRUSTED],
    [
      'somebody else, by HELO and the name of the gate',
      { from: UNLISTED, hello: 'HELO localhost' },
      NOT_TRUSTED,
    ],
    [
      'somebody who writes it all ahead of the greeting',
      { from: UNLISTED, ahead: [Buffer.from(`EHLO x\r\n${OWN_MAIL}\r\n${RECIPIENT}\r\nDATA\r\n`)] },
      NOT_TRUSTED,
    ],
    [
      'a PROXY header where no proxy is listed, version 1',
      { from: UNLISTED, ahead: [v1({ source: LISTED })] },
      NOT_TRUSTED,
    ],
    [
      'a PROXY header where no proxy is listed, version 2',
      { from: UNLISTED, ahead: [v2({ source: LISTED })] },
      NOT_TRUSTED,
    ],
    [
      'a PROXY header from a proxy that is not listed, version 1',
      through(UNLISTED, v1({ source: LISTED })),
      NOT_TRUSTED,
    ],
    [
      'a PROXY header from a proxy that is not listed, version 2',
      through(UNLISTED, v2({ source: LISTED })),
      NOT_TRUSTED,
    ],
    [
      'through a listed proxy that names them, version 1',
      through(PROXY, v1({ source: UNLISTED })),
      NOT_TRUSTED,
    ],
    [
      'through a listed proxy that names them, version 2',
      through(PROXY, v2({ source: UNLISTED })),
      NOT_TRUSTED,
    ],
    [
      'with a second PROXY header behind the proxy’s',
      through(PROXY, v1({ source: UNLISTED }), v1({ source: LISTED })),
      NOT_TRUSTED,
    ],
    [
      'in the IPv6 form of an unlisted IPv4 address',
      through(PROXY, v1({ source: `::ffff:${UNLISTED}` })),
      NOT_TRUSTED,
    ],
    [
      'by the IPv4-compatible form of a listed one (RFC 4291 §2.5.5.1)',
      through(PROXY, v1({ source: `::${LISTED}` })),
      NOT_TRUSTED,
    ],
    ['by 6to4 of a listed one (RFC 3056)', through(PROXY, v1({ source: '2002:7f00:11::1' })), NOT_TRUSTED],
    ['by NAT64 of a listed one (RFC 6052)', through(PROXY, v1({ source: '64:ff9b::7f00:11' })), NOT_TRUSTED],
    ['from another /64 of the same /48', through(PROXY, v2({ source: '2001:db8:1:1::25' })), NOT_TRUSTED],
    ['the IPv6 loopback', through(PROXY, v2({ source: '::1' })), NOT_TRUSTED],
    ['a proxy that says UNKNOWN', through(PROXY, Buffer.from('PROXY UNKNOWN\r\n')), NOT_TRUSTED],
    [
      'a proxy that says UNKNOWN and an address, which does not count (§2.1)',
      through(PROXY, Buffer.from(`PROXY UNKNOWN ${LISTED} ${LISTED} 1 25\r\n`)),
      NOT_TRUSTED,
    ],
    ['a proxy that says LOCAL', through(PROXY, LOCAL), NOT_TRUSTED],
    [
      'a trusted proxy that says UNKNOWN',
      through(TRUSTED_PROXY, Buffer.from('PROXY UNKNOWN\r\n')),
      NOT_TRUSTED,
    ],
    ['a trusted proxy that says LOCAL', through(TRUSTED_PROXY, LOCAL), NOT_TRUSTED],
    [
      'a trusted proxy that says LOCAL and an address, which does not count (§2.2)',
      through(TRUSTED_PROXY, LOCAL_WITH_ADDRESS),
      NOT_TRUSTED,
    ],
    ['a trusted proxy that says UNSPEC', through(TRUSTED_PROXY, UNSPEC), NOT_TRUSTED],
    [
      'a trusted proxy that says no word of whom it speaks for',
      through(TRUSTED_PROXY, Buffer.from('EHLO x\r\n')),
      /^greeting: closed/,
    ],
    [
      'XCLIENT',
      { from: UNLISTED, before: [`XCLIENT ADDR=${LISTED} LOGIN=scanner@example.org`] },
      NOT_TRUSTED,
    ],
  ])('%s', async (_what, attempt, words) => {
    await situation.expectRefused(attempt, words);
  });

  test('a listed server that says it is a proxy is cut off', async () => {
    const client = await situation.connectFrom(LISTED, 'trusted');
    await client.write(v1({ source: STRICT }));
    expect((await client.readReply())[0]).toMatch(/^220 /);
    expect((await client.readReply())[0]).toMatch(/^421 4\.7\.0 PROXY header from an address/);
    await client.readEnd();
  });
});

describe('who comes through the door for people', () => {
  test.each<[string, Attempt, RegExp]>([
    ['without signing in', { listener: 'login', tls: true }, LOGIN],
    ['as an allowed sender', { listener: 'login', tls: true, mail: OWN_MAIL, header: OWN_HEADER }, LOGIN],
    [
      'in clear text',
      { listener: 'login', mail: OWN_MAIL, header: OWN_HEADER },
      /^MAIL: 530 5\.7\.0 Must issue a STARTTLS/,
    ],
    [
      'with XCLIENT',
      { listener: 'login', tls: true, before: [`XCLIENT LOGIN=scanner@example.org ADDR=${LISTED}`] },
      LOGIN,
    ],
    [
      'with XFORWARD',
      { listener: 'login', tls: true, before: [`XFORWARD ADDR=${LISTED} NAME=localhost`] },
      LOGIN,
    ],
  ])('from a listed address, %s', async (_what, attempt, words) => {
    await situation.expectRefused(attempt, words);
  });

  test('every disguise of sender and recipient that is known, by somebody who has not signed in', async () => {
    const world = { host: 'localhost', literal: '[127.0.0.1]', user: 'victim', domain: 'foreign.example' };
    const before = situation.arrived();
    const client = await situation.connectFrom(LISTED, 'login');
    await client.readReply();
    await client.command('EHLO attacker.example');
    await client.command('STARTTLS');
    await client.startTls();
    await client.command('EHLO attacker.example');
    const pairs = SENDER_DISGUISES.flatMap(({ sender }) =>
      [...SENDER_DISGUISES.slice(0, 1), ...RECIPIENT_DISGUISES].map(({ recipient }) => [
        `MAIL FROM:<${sender(world)}>`,
        `RCPT TO:${recipient(world)}`,
      ]),
    );
    for (const line of [...pairs.flat(), 'DATA']) {
      expect(await client.command(line), line).toEqual([expect.stringMatching(LOGIN_REQUIRED)]);
    }
    expect(pairs.length).toBeGreaterThan(100);
    expect(situation.arrived()).toBe(before);
  });
});

describe('a configuration that leaves something out', () => {
  test('a list of nobody trusts nobody, not even this machine', async () => {
    const bare = await startTestGateway({ submission: { ...SETTINGS, trustedNetworks: [] } });
    onTestFinished(() => bare.close());
    for (const from of [UNLISTED, LISTED]) {
      const client = await connectSmtp({
        host: bare.host,
        port: bare.ports.trusted,
        from,
        ca: bare.ca,
        implicitTls: false,
      });
      expect((await client.readReply())[0]).toMatch(/^554 5\.7\.1 /);
      await client.readEnd();
      client.destroy();
    }
  });

  const PEM = new URL('../refused-config/pem/', import.meta.url);
  const SOUND = readFileSync(new URL('../sound.yaml', PEM), 'utf8');
  const pem = (name: string) => ({ content: readFileSync(new URL(name, PEM), 'utf8') });
  const files = {
    '/etc/postern/pem/certificate.pem': pem('certificate.pem'),
    '/etc/postern/pem/key.pem': pem('key.pem'),
  };
  const isTaken = (networks: string | undefined): boolean => {
    const entries =
      networks && `  trustedNetworks: [{ name: n, networks: [${networks}], sendAs: ["*@example.org"] }]\n`;
    const text = SOUND.replace(
      '      tls: starttls\n',
      `      tls: starttls\n    - preset: relay\n${entries ?? ''}`,
    );
    return 'settings' in load(text, { files });
  };

  test.each([
    '0.0.0.0/0',
    '"::/0"',
    '0.0.0.0/1, 128.0.0.0/1',
    '"::/1", "8000::/1"',
    '"::ffff:0.0.0.0/96"',
    '"*"',
    'any',
    '',
  ])('the whole world, written %s, is not taken', (networks) => {
    expect(isTaken(networks)).toBe(false);
  });

  test('a listener for trusted networks without any is not taken', () => {
    expect(isTaken(undefined)).toBe(false);
    expect(isTaken('192.0.2.0/28')).toBe(true);
  });
});
