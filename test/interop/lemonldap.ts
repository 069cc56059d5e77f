// Owns a real LemonLDAP::NG as the organisation's identity provider: a configuration, sessions and a port of its own, set up as
// docs/identity-providers/lemonldap-ng.md says.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, removeFolder } from './folder.ts';
import { freePorts } from './ports.ts';
import { programEnvironment } from './program.ts';
import { type ProviderPage, readProviderPage } from './provider-page.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

export interface Lemonldap {
  readonly issuer: string;
  /** What its page gives to Postern. */
  readonly page: ProviderPage;
  /** Postern's client secret there. */
  readonly secret: string;
  /** Registers the relying parties of its page, for the Postern of this issuer, and those given; then starts it. */
  setUp(given: { postern: string; more: object }): Promise<void>;
  start(): Promise<void>;
  /** The configuration and all sessions stay. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** A person of its demonstration directory. */
export const DOCTOR = { login: 'dwho', password: 'dwho', address: 'dwho@badwolf.org' };

const PAGE = 'lemonldap-ng.md';
// As the packages of Debian bring them.
const INITIAL = '/var/lib/lemonldap-ng/conf/lmConf-1.json';
const PORTAL = '/usr/share/lemonldap-ng/portal';
const COMMAND = '/usr/share/lemonldap-ng/bin/lemonldap-ng-cli';
/** It refuses to work as root. */
const USER = 'www-data';

export async function prepareLemonldap(): Promise<Lemonldap> {
  const folder = makeFolder('lemonldap');
  const [port] = (await freePorts(1)) as [number];
  const issuer = `http://localhost:${port}`;
  const secret = randomBytes(16).toString('hex');
  const secretFile = join(folder, 'secret');
  const environment = {
    LLNG_DEFAULTCONFFILE: join(folder, 'lemonldap-ng.ini'),
    LLNG_DEFAULTLOGGER: 'Lemonldap::NG::Common::Logger::Std',
  };
  let running: ServerProcess | undefined;
  const replacements = {
    'https://sso.example.org': issuer,
    '/etc/postern/lemonldap-secret': secretFile,
    'SECRET-OF-POSTERN': secret,
  };

  async function start(): Promise<void> {
    running = await startServerProcess(
      'starman',
      // With its modules loaded before it forks: else the first request to each worker waits for that.
      ['--listen', `127.0.0.1:${port}`, '--workers', '4', '--preload-app', '--user', USER, 'portal.psgi'],
      {
        folder,
        environment: programEnvironment(folder, environment),
        isReady: (line) => line.includes('Setting uid'),
      },
    );
  }
  async function stop(): Promise<void> {
    await running?.end('SIGKILL');
    running = undefined;
  }
  function merge(name: string, settings: object): void {
    writeFileSync(join(folder, name), JSON.stringify(settings));
    execFileSync('runuser', ['-u', USER, '--', COMMAND, '-yes', '1', 'merge', name], {
      cwd: folder,
      env: programEnvironment(folder, environment),
      stdio: 'pipe',
    });
  }

  writeFileSync(secretFile, secret, { mode: 0o600 });
  writeFolder(folder, issuer);
  return {
    issuer,
    page: readProviderPage(PAGE, replacements),
    secret,
    async setUp({ postern, more }) {
      // All else of that name is an audience, which stays as it is.
      const callback = { 'https://mail.example.org/sign-in/callback': `${postern}/sign-in/callback` };
      const page = readProviderPage(PAGE, { ...callback, ...replacements });
      for (const heading of [
        'Sign-in through Postern',
        'Its own tokens, trusted directly',
        'Opaque tokens',
      ]) {
        const printed = await page.follow(heading, { folder, environment });
        if (!printed.includes('Saved under number') || printed.includes('rejected')) throw new Error(printed);
      }
      merge('more.json', more);
      await start();
    },
    start,
    stop,
    async close() {
      await stop();
      removeFolder(folder);
    },
  };
}

/** All that an installation has, in a folder of its own. */
function writeFolder(folder: string, issuer: string): void {
  for (const name of ['conf', 'sessions/lock', 'psessions/lock', 'cache']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const initial = JSON.parse(readFileSync(INITIAL, 'utf8')) as Record<string, object>;
  const sessions = (name: string) => ({
    Directory: join(folder, name),
    LockDirectory: join(folder, name, 'lock'),
  });
  const configuration = {
    ...initial,
    portal: `${issuer}/`,
    domain: 'localhost',
    // That of the package wants ImageMagick, and nobody is shown one here.
    captcha: 'NoCaptcha',
    globalStorageOptions: { ...initial['globalStorageOptions'], ...sessions('sessions') },
    persistentStorageOptions: { ...initial['persistentStorageOptions'], ...sessions('psessions') },
    localSessionStorageOptions: {
      ...initial['localSessionStorageOptions'],
      cache_root: join(folder, 'cache'),
    },
    notification: 0,
    reloadUrls: {},
  };
  writeFileSync(join(folder, 'conf/lmConf-1.json'), JSON.stringify(configuration));
  writeFileSync(join(folder, 'lemonldap-ng.ini'), settingsFile(folder));
  writeFileSync(join(folder, 'portal.psgi'), application());
  execFileSync('chown', ['-R', `${USER}:${USER}`, folder]);
  chmodSync(folder, 0o755);
  execFileSync('chown', ['root:root', join(folder, 'secret')]);
}

function settingsFile(folder: string): string {
  return `
[all]
logLevel = notice
[configuration]
type = File
dirName = ${join(folder, 'conf')}
[portal]
staticPrefix = /static
templateDir = ${PORTAL}/templates
languages = en
[manager]
templateDir = /usr/share/lemonldap-ng/manager/htdocs/templates
enabledModules = conf
protection = none
`;
}

function application(): string {
  return `
package NoCaptcha;
use Mouse;
extends 'Lemonldap::NG::Portal::Main::Plugin';
sub init { 1 }
package main;
BEGIN { $INC{'NoCaptcha.pm'} = __FILE__ }
use Plack::Builder;
use Lemonldap::NG::Portal::Main;
my $portal = Lemonldap::NG::Portal::Main->run({});
builder {
  enable 'Static', path => qr{^/static/}, root => '${PORTAL}/htdocs';
  enable 'Static', path => sub { s{^/javascript/}{/} }, root => '/usr/share/javascript';
  $portal;
};
`;
}
