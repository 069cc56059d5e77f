// Owns a mail client behind a load balancer, seen to come from whatever address a test wants: PROXY header, TLS, sign-in.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { SmtpClient } from '../support/smtp-client.ts';
import { expectCode } from './session.ts';

const TIME_LIMIT = 60_000;

export interface ProxiedClient {
  /** Port on 127.0.0.1, TLS from the first byte, that reads PROXY headers. */
  readonly port: number;
  /** PEM file of the authority behind the certificate for `localhost`. */
  readonly ca: string;
  /** The PROXY header. */
  readonly header: Buffer;
  /** EHLO argument. */
  readonly name: string;
}

/** Greeted, and EHLO said. */
export async function openProxied(client: ProxiedClient): Promise<SmtpClient> {
  const plain = connect({ host: '127.0.0.1', port: client.port });
  plain.on('error', () => undefined);
  await once(plain, 'connect');
  plain.write(client.header);
  const ca = readFileSync(client.ca, 'utf8');
  const secure = connectTls({ socket: plain, ca, servername: 'localhost' });
  await once(secure, 'secureConnect');
  const options = { host: '127.0.0.1', port: client.port, implicitTls: true, ca, timeLimit: TIME_LIMIT };
  const session = new SmtpClient(secure, options);
  expectCode(await session.readReply(), 220);
  expectCode(await session.command(`EHLO ${client.name}`), 250);
  return session;
}

export async function signInAs(session: SmtpClient, user: string, token: string): Promise<void> {
  const response = Buffer.from(`user=${user}\x01auth=Bearer ${token}\x01\x01`).toString('base64');
  expectCode(await session.command(`AUTH XOAUTH2 ${response}`), 235);
}
