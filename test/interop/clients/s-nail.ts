// s-nail (mailx). It writes the message itself; what it calls oauthbearer is XOAUTH2 on the wire.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../program.ts';
import type { MailClient } from './client.ts';
import { WRITTEN_BODY } from './written-body.ts';

export const sNail: MailClient = {
  name: 's-nail',
  mechanisms: ['XOAUTH2'],
  async submit(attempt) {
    const { folder, letter, port, recipients, tls } = attempt;
    const scheme = tls === 'implicit' ? 'smtps' : 'smtp';
    const settings = [
      'set v15-compat=y',
      `set mta=${scheme}://${encodeURIComponent(attempt.user)}@localhost:${port}`,
      ...(tls === 'starttls' ? ['set smtp-use-starttls'] : []),
      'set smtp-auth=oauthbearer',
      `set password=${attempt.token}`,
      `set tls-ca-file=${attempt.ca} tls-ca-no-defaults tls-verify=strict`,
      `set from=${attempt.mailFrom}`,
      `set DEAD=${join(folder, `${letter.mark}.dead`)}`,
    ];
    const file = join(folder, `${letter.mark}.mailrc`);
    writeFileSync(file, `${settings.join('\n')}\n`, { mode: 0o600 });
    const { code, text } = await runProgram(
      's-nail',
      ['-n', '-#', '-s', `letter ${letter.mark}`, ...recipients],
      { folder, input: WRITTEN_BODY, environment: { MAILRC: file } },
    );
    return { delivered: code === 0, told: `${text}\nexit code ${code}` };
  },
};
