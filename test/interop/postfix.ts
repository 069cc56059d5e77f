// Owns a Postfix of a test's own: its configuration, queue and data in a folder, its ports on loopback, no part of the system's.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { testCertificate } from '../support/certificates.ts';
import { makeFolder, noteProcessGroup, removeFolder } from './folder.ts';
import { type MailServer, untilEmpty } from './mail-server.ts';
import { freePorts, isFree } from './ports.ts';
import { runProgram } from './program.ts';

export interface Postfix extends MailServer {
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface PostfixOptions {
  /** Port on 127.0.0.1 of whoever takes the mail in the end. */
  readonly sink: number;
  /** Further lines of main.cf, or other ones. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Further files of its configuration folder, by their paths in it. */
  readonly files?: Readonly<Record<string, string>>;
  /** A second listener: its port, and the settings in which it differs. */
  readonly submission?: { readonly port: number; readonly settings: Readonly<Record<string, string>> };
}

/** Whom it takes mail for; `full@example.org` is refused for now, everyone else for good. */
export const KNOWN = ['alice@example.org', 'bob@example.org', 'full@example.org'];
export const MAX_MESSAGE_BYTES = 60_000_000;

/** Takes mail for {@link KNOWN} over STARTTLS, and hands it to `sink` on 127.0.0.1. */
export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  const folder = makeFolder('postfix');
  const [port] = (await freePorts(1)) as [number];
  const { certificate, key } = await testCertificate();
  const settings = { ...mainSettings({ folder, sink: options.sink }), ...options.settings };
  const configuration = join(folder, 'configuration');
  for (const name of ['configuration', 'queue', 'data']) mkdirSync(join(folder, name));
  execFileSync('chown', ['postfix', join(folder, 'data')]);
  writeFileSync(join(folder, 'certificate.pem'), certificate);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  writeFileSync(join(configuration, 'main.cf'), lines.join(''));
  for (const [name, text] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(configuration, name)), { recursive: true });
    writeFileSync(join(configuration, name), text);
  }
  const second = options.submission ? listener(options.submission) : '';
  writeFileSync(join(configuration, 'master.cf'), masterTable(port) + second);

  let forget: (() => void) | undefined;

  async function start(): Promise<void> {
    await run(['-c', configuration, 'start']);
    forget = noteProcessGroup(masterOf(folder) as number);
    if (await isFree(port)) throw new Error(`Postfix does not listen:\n${log()}`);
  }
  async function stop(): Promise<void> {
    const pid = masterOf(folder);
    if (pid !== undefined) await endMaster(pid);
    forget?.();
  }
  async function run(parameters: readonly string[]): Promise<void> {
    const { code, text } = await runProgram('postfix', parameters, { folder });
    if (code !== 0) throw new Error(`postfix ${parameters.join(' ')} ended with ${code}:\n${text}\n${log()}`);
  }
  function log(): string {
    const file = join(folder, 'log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }
  await start();

  const queue = ['maildrop', 'incoming', 'active', 'deferred'].map((name) => join(folder, 'queue', name));

  return {
    name: 'Postfix',
    port,
    log,
    start,
    stop,
    settled: () => untilEmpty(queue, 'Postfix'),
    async close() {
      await stop();
      removeFolder(folder);
    },
  };
}

/** The pid of the running master, from the file it holds. */
function masterOf(folder: string): number | undefined {
  const file = join(folder, 'queue', 'pid', 'master.pid');
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  return pid > 0 && isRunning(pid) ? pid : undefined;
}

/** Master ends its own processes with it. */
async function endMaster(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  for (const until = performance.now() + 60_000; isRunning(pid); await delay(20)) {
    if (performance.now() > until) throw new Error('Postfix does not end');
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function mainSettings({ folder, sink }: { folder: string; sink: number }): Record<string, string> {
  const users = KNOWN.map((address) => `{ ${address} = inbox }`).join(', ');
  return {
    compatibility_level: '3.6',
    queue_directory: join(folder, 'queue'),
    data_directory: join(folder, 'data'),
    // Where the package has put its programs; the system's own configuration is not read.
    ...compiledIn(['daemon_directory', 'command_directory', 'mail_owner', 'setgid_group']),
    maillog_file: join(folder, 'log'),
    maillog_file_prefixes: folder,
    myhostname: 'mta.example.org',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    // Postern is one client among others: no rights by its address, no header rewritten for it.
    mynetworks: '192.0.2.1/32',
    local_header_rewrite_clients: '',
    mydestination: '',
    alias_maps: '',
    alias_database: '',
    virtual_mailbox_domains: 'example.org',
    virtual_mailbox_maps: `inline:{ ${users} }`,
    virtual_transport: `smtp:[127.0.0.1]:${sink}`,
    smtpd_relay_restrictions: 'reject_unauth_destination',
    smtpd_recipient_restrictions:
      'check_recipient_access inline:{ { full@example.org = 452 4.2.2 Mailbox full } }',
    smtpd_tls_security_level: 'encrypt',
    smtpd_tls_chain_files: `${join(folder, 'key.pem')}, ${join(folder, 'certificate.pem')}`,
    smtpd_peername_lookup: 'no',
    smtp_dns_support_level: 'disabled',
    smtp_host_lookup: 'native',
    smtp_tls_security_level: 'none',
    message_size_limit: String(MAX_MESSAGE_BYTES),
    mailbox_size_limit: '0',
    // It must not matter whether the disk of the machine that tests is nearly full.
    queue_minfree: '0',
    biff: 'no',
  };
}

function compiledIn(names: readonly string[]): Record<string, string> {
  const text = execFileSync('postconf', ['-d', ...names], { encoding: 'utf8' });
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(/ = (.*)/, 2) as [string, string]),
  );
}

function listener({ port, settings }: { port: number; settings: Readonly<Record<string, string>> }): string {
  const options = Object.entries(settings).map(([name, value]) => ` -o { ${name} = ${value} }\n`);
  return `127.0.0.1:${port} inet n - n - - smtpd\n${options.join('')}`;
}

const masterTable = (port: number): string => `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
