// Owns a Sendmail of a test's own, from the unpacked package: its configuration and queue in a folder, its port on loopback.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testCertificate } from '../support/certificates.ts';
import { startDaemon } from './daemon.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type MailServer, untilEmpty } from './mail-server.ts';
import { unpacked } from './packages.ts';
import { freePorts } from './ports.ts';
import { MAX_MESSAGE_BYTES } from './postfix.ts';
import { runProgram } from './program.ts';

/** As Debian's package sendmail-cf has it. */
const CF = '/usr/share/sendmail/cf';

/** Takes mail for example.org but for `nobody`, `unknown<number>` and `full`, over STARTTLS, and hands it to `sink` on 127.0.0.1. */
export async function startSendmail(options: {
  sink: number;
  /** Further definitions, or other ones. */
  definitions?: Readonly<Record<string, string>>;
  /** Further lines of its configuration in m4, in place of the one that lets everybody send to example.org. */
  macros?: string;
  /** Authorities whose certificates it believes, in PEM. */
  authorities?: string;
}): Promise<MailServer> {
  const folder = makeFolder('sendmail');
  const [port] = (await freePorts(1)) as [number];
  const { ca, certificate, key } = await testCertificate();
  const queue = join(folder, 'queue');
  mkdirSync(queue, { mode: 0o700 });
  writeFileSync(join(folder, 'ca.pem'), [ca, options.authorities ?? ''].join('\n'));
  writeFileSync(join(folder, 'certificate.pem'), certificate);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  // No name service: the sink is on this machine, and everything goes there.
  writeFileSync(join(folder, 'switch'), 'hosts files\naliases files\n');
  await makeAccessMap(folder);
  const macros = configuration({ folder, port, ...options });
  const made = await runProgram('m4', [`-D_CF_DIR_=${CF}/`, `${CF}/m4/cf.m4`, '-'], {
    folder,
    input: macros,
  });
  if (made.code !== 0) throw new Error(`m4 ended with ${made.code}:\n${made.errors}`);
  const file = join(folder, 'sendmail.cf');
  writeFileSync(file, made.output);

  const daemon = await startDaemon(unpacked('usr/libexec/sendmail/sendmail'), ['-C', file, '-bD'], {
    folder,
    port,
    whileStarting: wake,
  });
  return {
    name: 'Sendmail',
    port,
    // Its journal goes to the system's.
    log: () => daemon.written(),
    settled: () => untilEmpty([queue], 'Sendmail'),
    async close() {
      await daemon.end();
      removeFolder(folder);
    },
  };
}

/** Whom it refuses. */
async function makeAccessMap(folder: string): Promise<void> {
  const unknown = ['nobody', ...Array.from({ length: 1000 }, (_, at) => `unknown${at}`)];
  const rules = [
    ...unknown.map((name) => `To:${name}@example.org\tERROR:5.1.1:550 Unknown user`),
    'To:full@example.org\tERROR:4.2.2:452 Mailbox full',
  ];
  const made = await runProgram(
    unpacked('usr/libexec/sendmail/makemap'),
    ['-C', '/dev/null', 'hash', join(folder, 'access')],
    { folder, input: `${rules.join('\n')}\n` },
  );
  if (made.code !== 0) throw new Error(`makemap ended with ${made.code}:\n${made.text}`);
}

const SIGUSR1 = 10;

/**
 * Where the machine's own name has no dot, Sendmail sleeps for a minute at its start, hoping for the name service; any signal
 * that it handles ends that. This one it takes for the wish to see its state, once it has set itself up to be asked.
 */
function wake(pid: number): void {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  if ((caught >> BigInt(SIGUSR1 - 1)) & 1n) process.kill(pid, 'SIGUSR1');
}

function configuration(given: {
  folder: string;
  port: number;
  sink: number;
  definitions?: Readonly<Record<string, string>>;
  macros?: string;
}): string {
  const { folder, port, sink, definitions, macros = "RELAY_DOMAIN(`example.org')dnl" } = given;
  const values: Record<string, string> = {
    confDOMAIN_NAME: 'mta.example.org',
    QUEUE_DIR: `${folder}/queue`,
    confPID_FILE: `${folder}/pid`,
    STATUS_FILE: '',
    HELP_FILE: '',
    ALIAS_FILE: '',
    confSERVICE_SWITCH_FILE: `${folder}/switch`,
    // Without these two it has no TLS at all.
    confCACERT_PATH: folder,
    confCACERT: `${folder}/ca.pem`,
    confSERVER_CERT: `${folder}/certificate.pem`,
    confSERVER_KEY: `${folder}/key.pem`,
    confMAX_MESSAGE_SIZE: String(MAX_MESSAGE_BYTES),
    // Neither the name service, nor the load, nor the disk of the machine that tests has a say.
    confTO_IDENT: '0',
    confQUEUE_LA: '1000',
    confREFUSE_LA: '1000',
    confDELAY_LA: '0',
    confMIN_FREE_BLOCKS: '0',
    confDEF_USER_ID: 'mail:mail',
    // The folder of the run lies in one where everybody may write, but each only what is theirs.
    confDONT_BLAME_SENDMAIL: 'TrustStickyBit',
    RELAY_MAILER_ARGS: `TCP $h ${sink}`,
    SMART_HOST: 'relay:[127.0.0.1]',
    ...definitions,
  };
  return `
OSTYPE(\`linux')dnl
${Object.entries(values)
  .map(([name, value]) => `define(\`${name}', \`${value}')dnl\n`)
  .join('')}
FEATURE(\`no_default_msa')dnl
DAEMON_OPTIONS(\`Name=MTA, Family=inet, Addr=127.0.0.1, Port=${port}')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`accept_unresolvable_domains')dnl
FEATURE(\`access_db', \`hash -T<TMPF> ${folder}/access')dnl
FEATURE(\`blocklist_recipients')dnl
${macros}
MAILER(\`smtp')dnl
`;
}
