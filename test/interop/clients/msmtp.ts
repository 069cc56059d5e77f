// msmtp, with its token from a command (passwordeval).

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inUnixForm } from '../letter.ts';
import { runProgram } from '../program.ts';
import type { Attempt, MailClient } from './client.ts';

export const msmtp: MailClient = {
  name: 'msmtp',
  mechanisms: ['OAUTHBEARER', 'XOAUTH2'],
  async submit(attempt) {
    const file = writeMsmtpSettings(attempt);
    const { code, text } = await runProgram(
      'msmtp',
      ['--debug', `--file=${file}`, `--from=${attempt.mailFrom}`, '--', ...attempt.recipients],
      { folder: attempt.folder, input: inUnixForm(attempt.letter) },
    );
    return { delivered: code === 0, told: `${text}\nexit code ${code}` };
  },
};

/** The file of settings for one attempt; also for programs that send through msmtp. */
export function writeMsmtpSettings(attempt: Attempt): string {
  const { folder, letter } = attempt;
  const tokenFile = join(folder, `${letter.mark}.token`);
  writeFileSync(tokenFile, attempt.token, { mode: 0o600 });
  const file = join(folder, `${letter.mark}.msmtprc`);
  const lines = [
    'account default',
    'host localhost',
    `port ${attempt.port}`,
    'tls on',
    `tls_starttls ${attempt.tls === 'starttls' ? 'on' : 'off'}`,
    `tls_trust_file ${attempt.ca}`,
    `auth ${attempt.mechanism.toLowerCase()}`,
    `user ${attempt.user}`,
    `passwordeval "cat ${tokenFile}"`,
    `from ${attempt.mailFrom}`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}
