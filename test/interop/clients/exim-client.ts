// Exim as a client: a machine whose mail goes through Postern. Its driver for PLAIN says any mechanism whose messages are given to it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inUnixForm } from '../letter.ts';
import { unpacked } from '../packages.ts';
import { readPage } from '../page.ts';
import { runProgram } from '../program.ts';
import type { Attempt, MailClient } from './client.ts';

const PAGE = readPage(new URL('../../../docs/machines.md', import.meta.url));

export const exim: MailClient = {
  name: 'Exim',
  mechanisms: ['OAUTHBEARER', 'XOAUTH2'],
  async submit(attempt) {
    const { letter, mailFrom, recipients } = attempt;
    const folder = join(attempt.folder, letter.mark);
    mkdirSync(join(folder, 'logs'), { recursive: true });
    mkdirSync(join(folder, 'spool'));
    writeFileSync(join(folder, 'token'), attempt.token);
    writeFileSync(join(folder, 'ca.pem'), readFileSync(attempt.ca));
    execFileSync('chown', ['-R', 'Debian-exim', folder]);
    // Root's own: with another's it would not run.
    const file = join(folder, 'exim.conf');
    const program = unpacked('usr/sbin/exim4');
    writeFileSync(file, configuration({ attempt, folder, program }));
    // `-odi`: the first attempt to deliver is over when it returns. `-oi`: a dot on a line is no end.
    const { code, text } = await runProgram(
      program,
      ['-C', file, '-odi', '-oi', '-f', mailFrom, '--', ...recipients],
      {
        folder,
        input: inUnixForm(letter),
      },
    );
    const log = readFileSync(join(folder, 'logs', 'main'), 'utf8');
    return {
      delivered: / Completed$/m.test(log) && !/ (\*\*|==) /.test(log),
      told: `${text}${log}exit code ${code}`,
    };
  },
};

/** What docs/machines.md has in this file, as it is for this test. */
export function fromPage(path: string, changes: Readonly<Record<string, string>>): string {
  const step = PAGE.get('Exim')?.find((each) => each.kind === 'file' && each.path.endsWith(`/${path}`));
  let text = step?.text ?? '';
  for (const [written, here] of Object.entries(changes)) {
    if (!text.includes(written)) throw new Error(`docs/machines.md has no "${written}" in ${path}`);
    text = text.replaceAll(written, here);
  }
  return text;
}

function configuration(given: { attempt: Attempt; folder: string; program: string }): string {
  const { attempt, folder, program } = given;
  const router = fromPage('router/150_postern', { 'mail.example.org': 'localhost' });
  const transport = fromPage('transport/30_postern', {
    '587': `${attempt.port}`,
    system: `${folder}/ca.pem`,
  });
  const ways = { 'app@example.org': attempt.user, '/etc/postern/token': `${folder}/token` };
  const bearer = { XOAUTH2: 'OAUTHBEARER', [`user=${attempt.user}`]: `n,a=${attempt.user},` };
  const authenticator = fromPage(
    'auth/30_postern',
    attempt.mechanism === 'OAUTHBEARER' ? { ...ways, ...bearer } : ways,
  );
  return `
exim_path = ${program}
primary_hostname = client.example.org
spool_directory = ${folder}/spool
log_file_path = ${folder}/logs/%s
check_spool_space = 0
check_spool_inodes = 0
deliver_drop_privilege
keep_environment =
timezone = UTC
domainlist local_domains = client.example.org

begin routers
${router}  self = send
# What comes back of a message that is refused stays here.
local:
  driver = redirect
  data = :blackhole:

begin transports
${transport}  allow_localhost
  protocol = ${attempt.tls === 'implicit' ? 'smtps' : 'smtp'}

begin retry
* * F,2h,15m

begin authenticators
${authenticator}`;
}
