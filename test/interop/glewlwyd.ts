// Owns a real Glewlwyd as the organisation's identity provider: a process with a configuration, database and port of its own.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder, removeFolder } from './folder.ts';
import { type Client, type Person, registerClient, setUp, signInAsAdministrator } from './glewlwyd-setup.ts';
import { freePorts } from './ports.ts';
import { programEnvironment } from './program.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';
import { until } from './until.ts';

export interface Glewlwyd {
  readonly issuer: string;
  /** Postern's settings for it, as an operator writes them. */
  readonly identityProvider: Readonly<Record<string, unknown>>;
  readonly person: Person;
  /** Another application of the organisation, which knows nothing of Postern. */
  readonly portal: Client;
  /** Its log, line by line. */
  readonly lines: readonly string[];
  /** Registers the Postern of this issuer, with the address for back-channel logouts. */
  register(postern: string): Promise<void>;
  close(): Promise<void>;
}

// As the package of Debian brings them.
const MODULES = '/usr/lib/glewlwyd';
const PAGES = '/usr/share/glewlwyd';
const TABLES = '/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3';

export async function startGlewlwyd(): Promise<Glewlwyd> {
  const folder = makeFolder('glewlwyd');
  let running: ServerProcess | undefined;
  const close = async (): Promise<void> => {
    await running?.end('SIGKILL');
    removeFolder(folder);
  };
  try {
    const [port] = (await freePorts(1)) as [number];
    const origin = `http://localhost:${port}`;
    running = await start({ folder, port, origin });
    return { ...(await prepare(folder, origin)), lines: running.lines, close };
  } catch (error) {
    await close();
    const said = running?.lines.slice(-20).join('\n') ?? 'nothing';
    const what = 'Glewlwyd cannot be set up (test/interop/run.sh installs it)';
    throw new Error(`${what}: ${(error as Error).message}. It said:\n${said}`);
  }
}

interface Place {
  readonly folder: string;
  readonly port: number;
  readonly origin: string;
}

async function start(place: Place): Promise<ServerProcess> {
  const { folder, origin } = place;
  createDatabase(join(folder, 'glewlwyd.db'));
  copyPages(join(folder, 'pages'));
  const file = join(folder, 'glewlwyd.conf');
  writeFileSync(file, configuration(place), { mode: 0o600 });
  const running = await startServerProcess('glewlwyd', ['--config-file', file], {
    folder,
    environment: programEnvironment(folder),
    isReady: (line) => line.includes('Glewlwyd started on port'),
  });
  // It says so a moment before it listens.
  const listens = () =>
    fetch(`${origin}/config/`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(listens, 'Glewlwyd to listen').catch(async (error) => {
    await running.end('SIGKILL');
    throw error;
  });
  return running;
}

async function prepare(folder: string, origin: string): Promise<Omit<Glewlwyd, 'lines' | 'close'>> {
  const issuer = `${origin}/api/oidc`;
  const postern = { id: 'postern', name: 'Postern', secret: newSecret() };
  const portal: Client = {
    id: 'portal',
    name: 'Portal',
    secret: newSecret(),
    redirectUri: 'https://portal.example.org/back',
  };
  const person: Person = { login: 'dana', password: newSecret(), address: 'dana@example.org' };
  const secretFile = join(folder, 'secret');
  writeFileSync(secretFile, postern.secret, { mode: 0o600 });
  const call = await signInAsAdministrator(`${origin}/api`);
  await setUp(call, { issuer, person });
  await registerClient(call, portal);
  return {
    issuer,
    identityProvider: {
      issuer,
      clientId: postern.id,
      clientSecret: { file: secretFile },
      allowInsecureHttp: true,
    },
    person,
    portal,
    register: (at) =>
      registerClient(call, {
        ...postern,
        redirectUri: `${at}/sign-in/callback`,
        backChannelLogoutUri: `${at}/back-channel-logout`,
      }),
  };
}

// RFC 6749 §2.3.1 has the secret percent-encoded in the Basic header. Glewlwyd 2.7 does not decode it, so that a secret must
// hold nothing that gets encoded.
function newSecret(): string {
  return randomBytes(16).toString('hex');
}

function createDatabase(file: string): void {
  const database = new DatabaseSync(file);
  database.exec(readFileSync(TABLES, 'utf8'));
  database.close();
}

/** The package has links for some parts of the pages, and Glewlwyd serves nothing that lies outside of its folder. */
function copyPages(folder: string): void {
  execFileSync('cp', ['-RL', join(PAGES, 'webapp'), folder]);
  const settings = join(folder, 'config.json');
  rmSync(settings, { recursive: true, force: true });
  cpSync(join(PAGES, 'templates/config.json'), settings);
}

const MIME_TYPES = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'application/javascript',
  '.json': 'application/json',
};

function configuration({ folder, port, origin }: Place): string {
  const types = Object.entries(MIME_TYPES).map(
    ([extension, type]) => `{ extension = "${extension}"; mime_type = "${type}"; compress = 0; }`,
  );
  return `
port = ${port}
bind_address = "127.0.0.1"
external_url = "${origin}"
login_url = "login.html"
api_prefix = "api"
static_files_path = "${join(folder, 'pages')}/"
static_files_mime_types = (${types.join(', ')})
log_mode = "console"
log_level = "DEBUG"
cookie_domain = "localhost"
cookie_secure = 0
session_expiration = 3600
session_key = "GLEWLWYD2_SESSION_ID"
admin_scope = "g_admin"
profile_scope = "g_profile"
user_module_path = "${MODULES}/user"
user_middleware_module_path = "${MODULES}/user"
client_module_path = "${MODULES}/client"
user_auth_scheme_module_path = "${MODULES}/scheme"
plugin_module_path = "${MODULES}/plugin"
hash_algorithm = "SHA512"
database = { type = "sqlite3"; path = "${join(folder, 'glewlwyd.db')}"; };
`;
}
