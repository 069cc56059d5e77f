// Owns a real Glewlwyd as the organisation's identity provider: a process with a configuration, database and port of its own.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder, removeFolder } from './folder.ts';
import {
  addInstance,
  addPeople,
  type Client,
  type Person,
  registerClient,
  signInAsAdministrator,
} from './glewlwyd-setup.ts';
import { freePorts } from './ports.ts';
import { programEnvironment } from './program.ts';
import { type ProviderPage, readProviderPage } from './provider-page.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';
import { until } from './until.ts';

export interface Glewlwyd {
  readonly issuer: string;
  /** Another instance, whose access tokens live for {@link BRIEFLY}. */
  readonly briefIssuer: string;
  /** What its page gives to Postern. */
  readonly page: ProviderPage;
  /** Postern's settings for it, as an operator writes them. */
  readonly identityProvider: Readonly<Record<string, unknown>>;
  readonly person: Person;
  /** The secret of all clients. */
  readonly secret: string;
  /** Another application of the organisation, which knows nothing of Postern. */
  readonly portal: Portal;
  /** Its log, line by line. */
  readonly lines: readonly string[];
  /** Registers the Postern of this issuer, with the address for back-channel logouts. */
  register(postern: string): Promise<void>;
  /** Its database stays. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface Portal {
  readonly id: string;
  readonly secret: string;
  readonly redirectUri: string;
}

/** Seconds. */
export const BRIEFLY = 2;

const PAGE = 'glewlwyd.md';
// As the package of Debian brings them.
const MODULES = '/usr/lib/glewlwyd';
const PAGES = '/usr/share/glewlwyd';
const TABLES = '/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3';

export async function startGlewlwyd(): Promise<Glewlwyd> {
  const folder = makeFolder('glewlwyd');
  const lines: string[] = [];
  let running: ServerProcess | undefined;
  const stop = async (): Promise<void> => {
    await running?.end('SIGKILL');
    lines.push(...(running?.lines ?? []));
    running = undefined;
  };
  const close = async (): Promise<void> => {
    await stop();
    removeFolder(folder);
  };
  try {
    const [port] = (await freePorts(1)) as [number];
    const place = { folder, port, origin: `http://localhost:${port}` };
    createDatabase(join(folder, 'glewlwyd.db'));
    copyPages(join(folder, 'pages'));
    running = await start(place);
    return {
      ...(await prepare(folder, place.origin)),
      get lines() {
        return [...lines, ...(running?.lines ?? [])];
      },
      stop,
      async start() {
        running = await start(place);
      },
      close,
    };
  } catch (error) {
    await close();
    const said = lines.slice(-20).join('\n') || 'nothing';
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

async function prepare(
  folder: string,
  origin: string,
): Promise<Omit<Glewlwyd, 'lines' | 'stop' | 'start' | 'close'>> {
  const [issuer, briefIssuer] = [`${origin}/api/oidc`, `${origin}/api/brief`];
  const secret = newSecret();
  const secretFile = join(folder, 'secret');
  writeFileSync(secretFile, secret, { mode: 0o600 });
  const replacements = {
    'https://sso.example.org': origin,
    '/etc/postern/glewlwyd-secret': secretFile,
    'SECRET-OF-POSTERN': secret,
  };
  const page = readProviderPage(PAGE, replacements);
  const person: Person = { login: 'dana', password: newSecret(), address: 'dana@example.org' };
  const call = await signInAsAdministrator(`${origin}/api`);
  await addPeople(call, person);
  const parameters = { ...page.json('sign-in.json'), ...page.json('tokens.json') };
  await addInstance(call, { name: 'oidc', issuer, parameters });
  await addInstance(call, { name: 'brief', issuer: briefIssuer, parameters, lifetime: BRIEFLY });
  const mail = page.json('mail.json') as Client;
  const portal = { id: 'portal', secret, redirectUri: 'https://portal.example.org/back' };
  await registerClient(call, mail);
  await registerClient(call, { ...mail, client_id: 'stranger' });
  await registerClient(call, {
    ...mail,
    client_id: portal.id,
    redirect_uri: [portal.redirectUri],
    scope: [],
  });
  return {
    issuer,
    briefIssuer,
    page,
    identityProvider: {
      ...page.settings('postern.yaml').authorization?.identityProvider,
      allowInsecureHttp: true,
    },
    person,
    secret,
    portal,
    register: (at) => {
      // All else of that name is an audience, which stays as it is.
      const [callback, logout] = ['/sign-in/callback', '/back-channel-logout'];
      const ofPostern = {
        [`https://mail.example.org${callback}`]: `${at}${callback}`,
        [`https://mail.example.org${logout}`]: `${at}${logout}`,
      };
      return registerClient(
        call,
        readProviderPage(PAGE, { ...ofPostern, ...replacements }).json('postern.json') as Client,
      );
    },
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
