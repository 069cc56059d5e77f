// Owns an OpenSMTPD of a test's own, from the unpacked package: a root directory with what it has compiled in, its port on loopback.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { testCertificate } from '../support/certificates.ts';
import { startDaemon } from './daemon.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type MailServer, untilEmpty } from './mail-server.ts';
import { unpacked } from './packages.ts';
import { freePorts } from './ports.ts';
import { MAX_MESSAGE_BYTES } from './postfix.ts';

/** Takes mail for example.org but for `nobody`, `unknown<number>` and `full`, over STARTTLS, and hands it to `sink` on 127.0.0.1. */
export async function startOpenSmtpd(options: {
  sink: number;
  /** Further words of the line that listens. */
  listener?: string;
  /** Further lines, in front of those that match. */
  lines?: readonly string[];
  /** Whose mail it takes; everybody's where nothing is said. */
  from?: string;
  /** Further files in its /etc, by their names there. */
  files?: Readonly<Record<string, string>>;
}): Promise<MailServer> {
  const root = makeFolder('opensmtpd');
  const [port] = (await freePorts(1)) as [number];
  const { ca, certificate, key } = await testCertificate();
  furnish(root);
  const files = {
    'ca.pem': ca,
    'certificate.pem': certificate,
    'key.pem': key,
    // It does not start without, though it asks nobody for a certificate.
    'ssl/certs/ca-certificates.crt': ca,
    'smtpd.conf': configuration({ ...options, port }),
    ...options.files,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, 'etc', name)), { recursive: true });
    writeFileSync(join(root, 'etc', name), text, { mode: 0o600 });
  }
  const daemon = await startDaemon('chroot', [root, PROGRAM, '-d'], { folder: root, port });
  return {
    name: 'OpenSMTPD',
    port,
    log: () => daemon.written(),
    settled: () => untilEmpty([join(root, 'var/spool/smtpd')], 'OpenSMTPD'),
    async close() {
      await daemon.end();
      removeFolder(root);
    },
  };
}

const PROGRAM = '/usr/sbin/smtpd';

/**
 * Its users and folders are compiled in. In a root of its own they are what they have to be, and the machine that tests needs none of
 * them: their ids are nobody's there.
 */
function furnish(root: string): void {
  for (const folder of ['etc', 'run', 'tmp', 'var/lib/opensmtpd/empty', 'var/spool'])
    mkdirSync(join(root, folder), { recursive: true });
  symlinkSync('../run', join(root, 'var/run'));
  const program = unpacked('usr/sbin/smtpd');
  const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const file of libraries) copy(file, join(root, file));
  copy(program, join(root, PROGRAM));
  const users = ['opensmtpd', 'opensmtpq'].map((name, at) => ({ name, id: 64_990 + at }));
  const people = users.map(({ name, id }) => `${name}:x:${id}:${id}::/var/lib/opensmtpd/empty:/bin/false\n`);
  const groups = users.map(({ name, id }) => `${name}:x:${id}:\n`);
  writeFileSync(join(root, 'etc/passwd'), `root:x:0:0::/:/bin/false\n${people.join('')}`);
  writeFileSync(join(root, 'etc/group'), `root:x:0:\n${groups.join('')}`);
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  writeFileSync(join(root, 'etc/resolv.conf'), '');
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

function configuration(given: {
  port: number;
  sink: number;
  listener?: string;
  lines?: readonly string[];
  from?: string;
}): string {
  const { port, sink, listener = 'tls-require', lines = [], from = 'any' } = given;
  return `
pki localhost cert "/etc/certificate.pem"
pki localhost key "/etc/key.pem"
ca tests cert "/etc/ca.pem"
table full { "full@example.org" }
table unknown { "^nobody@", "^unknown[0-9]+@" }
filter full phase rcpt-to match rcpt-to <full> reject "452 4.2.2 Mailbox full"
filter unknown phase rcpt-to match rcpt-to regex <unknown> reject "550 5.1.1 Unknown user"
filter recipients chain { full, unknown }
smtp max-message-size "${MAX_MESSAGE_BYTES}"
${lines.join('\n')}
listen on 127.0.0.1 port ${port} ${listener} pki localhost hostname mta.example.org filter recipients
action sink relay host "smtp+notls://127.0.0.1:${sink}"
match from ${from} for domain "example.org" action sink
`;
}
