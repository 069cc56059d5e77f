// Owns an Exim of a test's own, from the unpacked package: its configuration, spool and logs in a folder, its port on loopback.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testCertificate } from '../support/certificates.ts';
import { startDaemon } from './daemon.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type MailServer, untilEmpty } from './mail-server.ts';
import { unpacked } from './packages.ts';
import { freePorts } from './ports.ts';
import { MAX_MESSAGE_BYTES } from './postfix.ts';

/** Takes mail for example.org but for `nobody`, `unknown<number>` and `full`, over STARTTLS, and hands it to `sink` on 127.0.0.1. */
export async function startExim(options: {
  sink: number;
  /** Further settings of the first part, or other ones. */
  settings?: Readonly<Record<string, string>>;
  /** Statements of the ACL for RCPT, in front of the others. */
  statements?: string;
  /** Ways to sign in. */
  authenticators?: string;
}): Promise<MailServer> {
  const folder = makeFolder('exim');
  const [port] = (await freePorts(1)) as [number];
  const { certificate, key } = await testCertificate();
  const logs = join(folder, 'logs');
  mkdirSync(logs);
  mkdirSync(join(folder, 'spool'));
  writeFileSync(join(folder, 'certificate.pem'), certificate);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  // The name is compiled into Exim; run.sh sees to it that the user is there, as the package would.
  execFileSync('chown', ['-R', 'Debian-exim', folder]);
  const program = unpacked('usr/sbin/exim4');
  // Root's own: Exim keeps its rights only with a configuration that nobody else can write.
  const file = join(folder, 'exim.conf');
  const settings = { ...mainSettings({ folder, port, program }), ...options.settings };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  writeFileSync(file, lines.join('') + parts(options));

  const daemon = await startDaemon(program, ['-C', file, '-bdf'], { folder, port });
  return {
    name: 'Exim',
    port,
    log: () =>
      [daemon.written(), ...readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8'))].join(''),
    settled: () => untilEmpty([join(folder, 'spool', 'input')], 'Exim'),
    async close() {
      await daemon.end();
      removeFolder(folder);
    },
  };
}

function mainSettings(given: { folder: string; port: number; program: string }): Record<string, string> {
  const { folder, port, program } = given;
  return {
    exim_path: program,
    primary_hostname: 'mta.example.org',
    spool_directory: `${folder}/spool`,
    log_file_path: `${folder}/logs/%s`,
    pid_file_path: `${folder}/pid`,
    local_interfaces: '127.0.0.1',
    daemon_smtp_ports: String(port),
    tls_advertise_hosts: '*',
    tls_certificate: `${folder}/certificate.pem`,
    tls_privatekey: `${folder}/key.pem`,
    dsn_advertise_hosts: '*',
    smtputf8_advertise_hosts: '*',
    message_size_limit: String(MAX_MESSAGE_BYTES),
    // Else it leaves the eleventh message of a connection in its queue until the next run; see kept-connections.test.ts.
    smtp_accept_queue_per_connection: '0',
    // Neither the name service nor the disk of the machine that tests has a say.
    host_lookup: '',
    rfc1413_query_timeout: '0s',
    check_spool_space: '0',
    check_spool_inodes: '0',
    deliver_drop_privilege: 'true',
    keep_environment: '',
    timezone: 'UTC',
    acl_smtp_rcpt: 'recipient',
  };
}

const parts = (given: { sink: number; statements?: string; authenticators?: string }): string => `
begin acl
recipient:
${given.statements ?? ''}
  defer recipients = full@example.org
        message = 4.2.2 Mailbox full
  deny ! domains = example.org
        message = 5.7.1 Relay not permitted
  deny recipients = nobody@example.org : ^unknown[0-9]+@
        message = 5.1.1 Unknown user
  accept

begin routers
everything:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = sink

begin transports
sink:
  driver = smtp
  port = ${given.sink}
  allow_localhost
  hosts_avoid_tls = *
  # The sink knows DATA only. One message there for each here, however many it is for.
  hosts_try_chunking =
  max_rcpt = 0
  message_linelength_limit = 1000000000

begin authenticators
${given.authenticators ?? ''}
`;
