// git send-email. Debian's has no OAuth mechanism of its own and hands over to msmtp; the patch it sends is made here.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../program.ts';
import type { MailClient } from './client.ts';
import { writeMsmtpSettings } from './msmtp.ts';

/** The file that the patch adds. */
export const PATCHED = 'first\n.\n..\n.a dot at the start\nlast\n';

export const gitSendEmail: MailClient = {
  name: 'git send-email through msmtp',
  mechanisms: ['OAUTHBEARER', 'XOAUTH2'],
  async submit(attempt) {
    const { folder, letter, recipients } = attempt;
    const settings = writeMsmtpSettings(attempt);
    const repository = join(folder, letter.mark);
    const git = async (...parameters: string[]) => runProgram('git', parameters, { folder: repository });
    await runProgram('git', ['init', '--quiet', repository], { folder });
    writeFileSync(join(repository, 'file'), PATCHED);
    await git('config', 'user.name', 'Postern Tester');
    await git('config', 'user.email', attempt.mailFrom);
    await git('config', 'sendemail.sendmailCmd', `msmtp --file=${settings}`);
    await git('add', 'file');
    await git('commit', '--quiet', '--message', `letter ${letter.mark}`);
    const { code, text } = await git(
      'send-email',
      '--confirm=never',
      '--suppress-cc=all',
      ...recipients.map((recipient) => `--to=${recipient}`),
      '-1',
    );
    return { delivered: code === 0, told: `${text}\nexit code ${code}` };
  },
};
