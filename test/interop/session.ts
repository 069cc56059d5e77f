// Owns a raw SMTP session with a Postern of a test's own, for what no mail client does on purpose.

import { readFileSync } from 'node:fs';
import { connectSmtp, type SmtpClient } from '../support/smtp-client.ts';
import { type Gate, SENDER } from './gate.ts';

const TIME_LIMIT = 60_000;

/** Connected over implicit TLS, greeted, EHLO said. */
export async function openConnection(gate: Gate): Promise<SmtpClient> {
  const client = await connectSmtp({
    host: '127.0.0.1',
    port: gate.ports.implicit,
    implicitTls: true,
    ca: readFileSync(gate.ca, 'utf8'),
    timeLimit: TIME_LIMIT,
  });
  expectCode(await client.readReply(), 220);
  expectCode(await client.command('EHLO client.example.org'), 250);
  return client;
}

/** ... and signed in. */
export async function openSession(gate: Gate, token: string): Promise<SmtpClient> {
  const client = await openConnection(gate);
  expectCode(await client.command(`AUTH XOAUTH2 ${initialResponse(token)}`), 235);
  return client;
}

export function initialResponse(token: string): string {
  return Buffer.from(`user=${SENDER}\x01auth=Bearer ${token}\x01\x01`).toString('base64');
}

/** MAIL, RCPT, DATA; the message is to follow. */
export async function beginMessage(client: SmtpClient, recipient: string): Promise<void> {
  expectCode(await client.command(`MAIL FROM:<${SENDER}>`), 250);
  expectCode(await client.command(`RCPT TO:<${recipient}>`), 250);
  expectCode(await client.command('DATA'), 354);
}

/** A message as it goes over the wire, without the final dot. */
export function stuffed(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(/(^|\r\n)\./g, '$1..'), 'latin1');
}

export function expectCode(reply: readonly string[], code: number): void {
  if (!reply[0]?.startsWith(String(code))) throw new Error(`expected ${code}, got ${reply.join(' / ')}`);
}
