// mutt and NeoMutt. Both write the message themselves: the letter given to them is only the text under their own header.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../program.ts';
import type { MailClient } from './client.ts';

/** The body they are given; also how it is to arrive, after its line ends have become CRLF. */
export const MUTT_BODY = 'Written in mutt.\n.\n..\n.a dot at the start\n\nthe end\n';

const muttLike = (program: 'mutt' | 'neomutt'): MailClient => ({
  name: program,
  mechanisms: ['OAUTHBEARER', 'XOAUTH2'],
  async submit(attempt) {
    const { folder, letter, port, recipients } = attempt;
    const tokenFile = join(folder, `${letter.mark}.token`);
    writeFileSync(tokenFile, attempt.token, { mode: 0o600 });
    const scheme = attempt.tls === 'implicit' ? 'smtps' : 'smtp';
    const settings = [
      `set smtp_url = "${scheme}://${encodeURIComponent(attempt.user)}@localhost:${port}/"`,
      `set smtp_authenticators = "${attempt.mechanism.toLowerCase()}"`,
      `set smtp_oauth_refresh_command = "cat ${tokenFile}"`,
      'set ssl_starttls = yes',
      'set ssl_force_tls = yes',
      `set certificate_file = "${attempt.ca}"`,
      `set from = "${attempt.mailFrom}"`,
      `set envelope_from_address = "${attempt.mailFrom}"`,
      'set use_envelope_from = yes',
      'set copy = no',
    ];
    const file = join(folder, `${letter.mark}.muttrc`);
    writeFileSync(file, `${settings.join('\n')}\n`);
    const { code, text } = await runProgram(
      program,
      ['-n', '-F', file, '-s', `letter ${letter.mark}`, '--', ...recipients],
      { folder, input: MUTT_BODY },
    );
    return { delivered: code === 0, told: `${text}\nexit code ${code}` };
  },
});

export const mutt = muttLike('mutt');
export const neomutt = muttLike('neomutt');
