// Exim as a client: a machine whose mail goes through Postern. Its driver for PLAIN says any mechanism whose messages are given to it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inUnixForm } from '../letter.ts';
import { unpacked } from '../packages.ts';
import { runProgram } from '../program.ts';
import type { Attempt, MailClient } from './client.ts';

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

/** What the driver sends, with `\1` for the octet that separates. */
const MESSAGES = {
  OAUTHBEARER: (user: string, token: string) => `n,a=${user},\\1auth=Bearer ${token}\\1\\1`,
  XOAUTH2: (user: string, token: string) => `user=${user}\\1auth=Bearer ${token}\\1\\1`,
};

const configuration = (given: { attempt: Attempt; folder: string; program: string }): string => `
exim_path = ${given.program}
primary_hostname = client.example.org
spool_directory = ${given.folder}/spool
log_file_path = ${given.folder}/logs/%s
check_spool_space = 0
check_spool_inodes = 0
deliver_drop_privilege
keep_environment =
timezone = UTC

begin routers
# What comes back of a message that is refused stays here.
bounces:
  driver = redirect
  senders = :
  data = :blackhole:
gate:
  driver = manualroute
  route_list = * localhost
  self = send
  transport = postern

begin transports
postern:
  driver = smtp
  protocol = ${given.attempt.tls === 'implicit' ? 'smtps' : 'smtp'}
  port = ${given.attempt.port}
  allow_localhost
  hosts_require_tls = *
  hosts_require_auth = *
  tls_verify_certificates = ${given.folder}/ca.pem
  tls_verify_hosts = *

begin retry
* * F,2h,15m

begin authenticators
token:
  driver = plaintext
  public_name = ${given.attempt.mechanism}
  client_send = "${MESSAGES[given.attempt.mechanism](given.attempt.user, `\${readfile{${given.folder}/token}{}}`)}"
`;
