// Owns the showing of one token at the gate, and what its journal says of it.

import type { SmtpClient } from '../support/smtp-client.ts';
import type { Gate } from './gate.ts';
import type { JournalLine } from './journal.ts';
import { composeLetter, expectIntact } from './letter.ts';
import { expectCode, openConnection, stuffed } from './session.ts';
import type { Sink } from './sink.ts';
import { until } from './until.ts';

export interface Presented {
  /** As who its bearer signs in. */
  readonly address: string;
  readonly token: string;
}

/** What the server answers to the token, and to the empty line after a challenge. */
export async function present(client: SmtpClient, { address, token }: Presented): Promise<string> {
  const response = `user=${address}\x01auth=Bearer ${token}\x01\x01`;
  const [reply = ''] = await client.command(`AUTH XOAUTH2 ${Buffer.from(response).toString('base64')}`);
  return reply.startsWith('334') ? ((await client.command(''))[0] ?? '') : reply;
}

/** ... on a connection of its own. */
export async function presentAlone(gate: Gate, presented: Presented): Promise<string> {
  const client = await openConnection(gate);
  try {
    return await present(client, presented);
  } finally {
    client.destroy();
  }
}

/** The answer to a token that is not to be taken, and what the journal says of it. */
export async function refusalOf(
  gate: Gate,
  presented: Presented,
): Promise<{ reply: string; line: JournalLine }> {
  const failures = () => gate.journal.lines().filter(({ event }) => event === 'loginFailed');
  const before = failures().length;
  const reply = await presentAlone(gate, presented);
  const line = await until(
    () => failures()[before],
    `a failed login in the journal (the answer was ${reply})`,
  );
  return { reply, line };
}

/** A session that was opened with it. */
export async function openWith(gate: Gate, presented: Presented): Promise<SmtpClient> {
  const client = await openConnection(gate);
  const reply = await present(client, presented);
  if (!reply.startsWith('235 ')) throw new Error(`the token was answered with ${reply}`);
  return client;
}

/** Sends a letter with it, which has to arrive as it is. */
export async function sendWith(gate: Gate, sink: Sink, presented: Presented): Promise<void> {
  const client = await openWith(gate, presented);
  const { address } = presented;
  const letter = composeLetter({ from: address, to: ['alice@example.org'] });
  expectCode(await client.command(`MAIL FROM:<${address}>`), 250);
  expectCode(await client.command('RCPT TO:<alice@example.org>'), 250);
  expectCode(await client.command('DATA'), 354);
  await client.write(stuffed(letter.bytes));
  expectCode(await client.command('.'), 250);
  client.destroy();
  const arrival = await sink.find((one) => one.content().includes(letter.mark), 'the letter');
  if (arrival.mailFrom !== address) throw new Error(`it came from ${arrival.mailFrom}`);
  expectIntact(arrival.content(), letter, ['Received']);
}
