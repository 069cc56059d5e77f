// curl as a mail client. Its command line takes the better of the offered mechanisms: `--login-options AUTH=XOAUTH2` has no
// effect beside `--oauth2-bearer`, so XOAUTH2 is used only where OAUTHBEARER is not offered.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../program.ts';
import type { Attempt, MailClient, Outcome } from './client.ts';

export const curl: MailClient = {
  name: 'curl',
  mechanisms: ['OAUTHBEARER', 'XOAUTH2'],
  hangsUpAtChallenge: ['XOAUTH2'],
  submit: (attempt) => submit(attempt, []),
};

/** Sends the token on the AUTH line where it fits; curl itself keeps to 512 octets (RFC 4954 §4). */
export const curlWithInitialResponse: MailClient = {
  name: 'curl --sasl-ir',
  mechanisms: ['OAUTHBEARER', 'XOAUTH2'],
  hangsUpAtChallenge: ['XOAUTH2'],
  submit: (attempt) => submit(attempt, ['--sasl-ir']),
};

async function submit(attempt: Attempt, more: readonly string[]): Promise<Outcome> {
  const { folder, letter, port, tls } = attempt;
  const file = join(folder, `${letter.mark}.eml`);
  writeFileSync(file, letter.bytes);
  const { code, text } = await runProgram(
    'curl',
    [
      '--silent',
      '--show-error',
      '--verbose',
      ...['--cacert', attempt.ca],
      ...['--url', `${tls === 'implicit' ? 'smtps' : 'smtp'}://localhost:${port}/client.example.org`],
      '--ssl-reqd',
      ...['--mail-from', attempt.mailFrom],
      ...attempt.recipients.flatMap((recipient) => ['--mail-rcpt', recipient]),
      ...['--user', `${attempt.user}:`],
      ...['--upload-file', file],
      ...more,
      // The token is no argument: everybody on the machine could read it.
      ...['--config', '-'],
    ],
    { folder, input: `oauth2-bearer = "${attempt.token}"\n` },
  );
  return { delivered: code === 0, told: `${text}\nexit code ${code}` };
}
