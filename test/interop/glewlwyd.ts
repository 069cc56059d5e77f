// Owns a real Glewlwyd as the organisation's identity provider: own configuration, database and port, set up by its own API.

import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder, removeFolder } from './folder.ts';
import { freePorts } from './ports.ts';
import { programEnvironment } from './program.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

export interface Glewlwyd {
  readonly issuer: string;
  /** As Postern's settings name it. */
  readonly identityProvider: Readonly<Record<string, unknown>>;
  readonly person: { readonly login: string; readonly password: string; readonly address: string };
  /** Its log, line by line. */
  readonly lines: readonly string[];
  /** Registers the Postern of this issuer, with back-channel logout. */
  register(postern: string): Promise<void>;
  close(): Promise<void>;
}

// As the package brings them; it says where its parts are in its own sample of a configuration.
const PARTS = '/usr/lib/glewlwyd';
const PAGES = '/usr/share/glewlwyd';
const TABLES = '/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3';

const CLIENT = { id: 'postern', secret: randomBytes(24).toString('hex') };
const PERSON = {
  login: 'dana',
  password: randomBytes(12).toString('base64url'),
  address: 'dana@example.org',
};
/** The one account of a new database. */
const ADMINISTRATOR = { username: 'admin', password: 'password' };

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
    const issuer = `${origin}/api/oidc`;
    writeFileSync(join(folder, 'secret'), CLIENT.secret, { mode: 0o600 });
    createDatabase(join(folder, 'glewlwyd.db'));
    copyPages(join(folder, 'pages'));
    const file = join(folder, 'glewlwyd.conf');
    writeFileSync(file, configuration({ folder, port, origin }), { mode: 0o600 });
    running = await startServerProcess('glewlwyd', ['--config-file', file], {
      folder,
      environment: programEnvironment(folder),
      isReady: (line) => line.includes('Glewlwyd started on port'),
    });
    const call = await administrator(`${origin}/api`);
    await setUp(call, issuer);
    return {
      issuer,
      identityProvider: {
        issuer,
        clientId: CLIENT.id,
        clientSecret: { file: join(folder, 'secret') },
        allowInsecureHttp: true,
      },
      person: PERSON,
      lines: running.lines,
      secret: CLIENT.secret, register: (postern) =>
        register(call, {
          ...CLIENT,
          name: 'Postern',
          redirectUri: `${postern}/sign-in/callback`,
          backChannelLogoutUri: `${postern}/back-channel-logout`,
        }),
      registerOther: (r) => register(call, { id: 'portal', secret: CLIENT.secret, name: 'Portal', redirectUri: r }),
      close,
    };
  } catch (error) {
    await close();
    throw new Error(`Glewlwyd cannot be set up; it said:\n${running?.lines.slice(-20).join('\n')}`, {
      cause: error,
    });
  }
}

function createDatabase(file: string): void {
  const database = new DatabaseSync(file);
  database.exec(readFileSync(TABLES, 'utf8'));
  database.close();
}

/** The package has links in place of some of the pages' parts, and Glewlwyd serves nothing that lies outside the folder. */
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

function configuration(given: { folder: string; port: number; origin: string }): string {
  const modules = { user: 'user', client: 'client', user_auth_scheme: 'scheme', plugin: 'plugin' };
  const types = Object.entries(MIME_TYPES).map(
    ([extension, type]) => `{ extension = "${extension}"; mime_type = "${type}"; compress = 0; }`,
  );
  return [
    `port = ${given.port}`,
    'bind_address = "127.0.0.1"',
    `external_url = "${given.origin}"`,
    'login_url = "login.html"',
    'api_prefix = "api"',
    `static_files_path = "${join(given.folder, 'pages')}/"`,
    'log_mode = "console"',
    'log_level = "DEBUG"',
    'cookie_domain = "localhost"',
    // Without TLS.
    'cookie_secure = 0',
    'session_expiration = 3600',
    'session_key = "GLEWLWYD2_SESSION_ID"',
    'admin_scope = "g_admin"',
    'profile_scope = "g_profile"',
    ...Object.entries(modules).map(([name, path]) => `${name}_module_path = "${join(PARTS, path)}"`),
    `user_middleware_module_path = "${join(PARTS, 'user')}"`,
    'hash_algorithm = "SHA512"',
    `database = { type = "sqlite3"; path = "${join(given.folder, 'glewlwyd.db')}"; };`,
    `static_files_mime_types = (${types.join(', ')})`,
    '',
  ].join('\n');
}
