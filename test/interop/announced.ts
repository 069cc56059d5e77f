// Owns a row of a sink, a real Postfix that trusts Postern's word on whom a message is from, and a Postern; and people who send.

import { randomUUID } from 'node:crypto';
import type { SmtpClient } from '../support/smtp-client.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { fetchAppToken, type Gate, startGate } from './gate.ts';
import { freePorts } from './ports.ts';
import { type Postfix, startPostfix } from './postfix.ts';
import { openProxied, signInAs } from './proxied-client.ts';
import { expectCode } from './session.ts';
import { type Arrival, type Sink, startSink } from './sink.ts';
import { until } from './until.ts';

export const ALICE = 'alice@example.org';
export const BOB = 'bob@example.org';
/** Postern lets Alice send as it; to Postfix it is Bob's. */
export const SHARED = 'shared@example.org';
export const LAPTOP = '203.0.113.9';
export const PHONE = '2001:db8::7';
export const SCANNER = '198.51.100.7';

/** Nobody can sign in at it: it only knows whom Postern names. */
const POSTFIX = {
  inet_protocols: 'all',
  smtpd_authorized_xclient_hosts: '127.0.0.1',
  smtpd_authorized_xforward_hosts: '127.0.0.1',
  // Without it Postfix ignores its sender maps, but for a warning in the log (restriction … ignored: no SASL support).
  smtpd_sasl_auth_enable: 'yes',
  smtpd_discard_ehlo_keywords: 'auth',
  smtpd_sasl_authenticated_header: 'yes',
  smtpd_client_port_logging: 'yes',
  smtpd_sender_login_maps: `inline:{ { ${ALICE} = ${ALICE} } { ${BOB} = ${BOB} } { ${SHARED} = ${BOB} } }`,
  smtpd_sender_restrictions: 'reject_sender_login_mismatch',
  smtpd_relay_restrictions: 'permit_sasl_authenticated, reject',
};

export interface Row {
  readonly sink: Sink;
  readonly postfix: Postfix;
  readonly gate: Gate;
  readonly ports: { readonly people: number; readonly servers: number };
}

const closing: (() => unknown)[] = [];
/** Ends all of them. */
export async function closeRows(): Promise<void> {
  for (const end of closing.splice(0).toReversed()) await end();
}

const CLIENTS = [
  { clientId: 'alice-app', clientSecret: { file: 'secret' }, sendAs: [ALICE, SHARED] },
  { clientId: 'bob-app', clientSecret: { file: 'secret' }, sendAs: [BOB] },
];

export async function openRow(given: {
  identity: Readonly<Record<string, unknown>>;
  settings?: Readonly<Record<string, string>>;
}): Promise<Row> {
  const folder = makeFolder('xclient');
  closing.push(() => removeFolder(folder));
  const sink = await startSink(folder);
  closing.push(() => sink.close());
  const postfix = await startPostfix({ sink: sink.port, settings: { ...POSTFIX, ...given.settings } });
  closing.push(() => postfix.close());
  const [people, servers] = (await freePorts(2)) as [number, number];
  const proxyProtocol = { from: ['127.0.0.1/32'] };
  const gate = await startGate({
    upstream: { port: postfix.port, tls: 'starttls' },
    relay: { identity: given.identity },
    submission: {
      listeners: [
        { listen: `127.0.0.1:${people}`, tls: 'implicit', proxyProtocol },
        { listen: `127.0.0.1:${servers}`, tls: 'implicit', proxyProtocol, access: 'trusted-networks' },
      ],
      trustedNetworks: [{ name: 'scanners', networks: [`${SCANNER}/32`], sendAs: [ALICE] }],
    },
    authorization: { clients: CLIENTS },
  });
  closing.push(() => gate.close());
  return { sink, postfix, gate, ports: { people, servers } };
}

interface Person {
  readonly user: typeof ALICE | typeof BOB;
  readonly header: Buffer;
  readonly name?: string;
}

export async function signedIn(
  row: Row,
  { user, header, name = 'laptop.example' }: Person,
): Promise<SmtpClient> {
  const session = await openProxied({ port: row.ports.people, ca: row.gate.ca, header, name });
  const id = user === ALICE ? 'alice-app' : 'bob-app';
  const token = await fetchAppToken({
    issuer: row.gate.issuer,
    client: { id, secret: 'test-app-secret' },
  });
  await signInAs(session, user, token);
  return session;
}

/** One message, as far as the sink. */
export async function deliver(row: Row, session: SmtpClient, from: string): Promise<Arrival> {
  const mark = randomUUID();
  expectCode(await session.command(`MAIL FROM:<${from}>`), 250);
  expectCode(await session.command(`RCPT TO:<${BOB}>`), 250);
  expectCode(await session.command('DATA'), 354);
  expectCode(
    await session.command(
      `From: <${from}>\r\nTo: <${BOB}>\r\nMessage-ID: <${mark}@example.org>\r\n\r\nhello\r\n.`,
    ),
    250,
  );
  return row.sink.find(({ head }) => head.includes(mark), 'the message');
}

export const logged = (row: Row, pattern: RegExp) =>
  until(
    () => pattern.exec(row.postfix.log()) ?? undefined,
    `${pattern} in the log:\n${row.postfix.log()}`,
    5000,
  );

/** By queue id: the line that says whose it is, and the sender. */
export function whose(row: Row): { client: string; from: string }[] {
  const log = row.postfix.log();
  return [...log.matchAll(/qmgr\[\d+\]: (\w+): from=<([^>]*)>/g)].map(([, id, from = '']) => ({
    client: new RegExp(`smtpd\\[\\d+\\]: ${id}: (client=.*)`).exec(log)?.[1] ?? '',
    from,
  }));
}
