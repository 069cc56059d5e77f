// Owns what the tests of SMTP smuggling have in common: the servers, the attack, and what it must not bring about.

import type { SmtpClient } from '../support/smtp-client.ts';
import { smuggled } from '../support/smuggling.ts';
import { startExim } from './exim.ts';
import type { MailServer } from './mail-server.ts';
import { startOpenSmtpd } from './opensmtpd.ts';
import { startPostfix } from './postfix.ts';
import { startSendmail } from './sendmail.ts';
import { expectCode } from './session.ts';
import type { Arrival } from './sink.ts';

export const SENDER = 'app@example.org';
export const ALICE = 'alice@example.org';
export const ADMIN = 'admin@example.org';
/** What stands behind a false end: a message of {@link ADMIN}'s. */
export const ATTACK = smuggled({ mailFrom: ADMIN, recipient: 'bob@example.org' });
export const HEADER =
  'From: app@example.org\r\nDate: Sun, 1 Nov 2026 00:00:00 +0000\r\nMessage-ID: <1@client.example>\r\n';
/** What Postern says of every false end. */
export const REFUSED = /^550 5\.6\.0 Message contains a (bare CR or LF|NUL byte) /;

export interface AttackedServer {
  readonly name: string;
  readonly startServer: (given: { sink: number }) => Promise<MailServer>;
}

export const POSTFIX: AttackedServer = {
  name: 'Postfix',
  startServer: (given) =>
    startPostfix({
      ...given,
      settings: {
        // Takes every line end for one, so that there is a server to be attacked.
        smtpd_forbid_bare_newline: 'no',
        // Hundreds of messages that are given up are no reason to become slow.
        in_flow_delay: '0',
        smtpd_junk_command_limit: '100000',
        smtpd_soft_error_limit: '100000',
      },
    }),
};
export const EXIM: AttackedServer = { name: 'Exim', startServer: startExim };
export const OPENSMTPD: AttackedServer = { name: 'OpenSMTPD', startServer: startOpenSmtpd };
export const SENDMAIL: AttackedServer = { name: 'Sendmail', startServer: startSendmail };

export const envelope = ({ mailFrom, recipients }: Arrival): string[] => [mailFrom, ...recipients];

/** MAIL and RCPT, both taken; one after the other, since OpenSMTPD takes no pipelining. */
export async function beginEnvelope(client: SmtpClient, from = SENDER): Promise<void> {
  for (const line of [`MAIL FROM:<${from}>`, `RCPT TO:<${ALICE}>`])
    expectCode(await client.command(line), 250);
}

/** ... and DATA. */
export async function beginMessage(client: SmtpClient, from = SENDER): Promise<void> {
  await beginEnvelope(client, from);
  expectCode(await client.command('DATA'), 354);
}
