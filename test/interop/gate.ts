// Owns a Postern of a test's own: a real process from a configuration in a folder, which can be killed and started again.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testCertificate } from '../support/certificates.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Journal, readJournal } from './journal.ts';
import { freePorts } from './ports.ts';
import { programEnvironment } from './program.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

export interface GateOptions {
  /** The mail server behind, on 127.0.0.1. */
  readonly upstream: { readonly port: number; readonly tls?: 'none' | 'starttls' };
  /** Further settings of a section, as an operator writes them. */
  readonly submission?: Readonly<Record<string, unknown>>;
  readonly relay?: Readonly<Record<string, unknown>>;
  readonly authorization?: Readonly<Record<string, unknown>>;
  readonly token?: Readonly<Record<string, unknown>>;
  readonly dkim?: Readonly<Record<string, unknown>>;
  /** Further sections. */
  readonly sections?: Readonly<Record<string, unknown>>;
  /** With the demo's identity provider, where alice and bob sign in. */
  readonly withPeople?: boolean;
}

export interface Gate {
  readonly folder: string;
  /** Submission ports on 127.0.0.1. */
  readonly ports: { readonly starttls: number; readonly implicit: number };
  /** PEM file of the authority behind its certificate, which is for `localhost`. */
  readonly ca: string;
  readonly issuer: string;
  /** Where people sign in, if there are any. */
  readonly identityProvider: string;
  readonly health: string;
  readonly pid: number;
  /** Since its first start. */
  readonly journal: Journal;
  /** A new access token of the app that may send as {@link SENDER}. */
  token(): Promise<string>;
  /** Ends the process; the state stays. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  /** Ends the process and removes its state. */
  close(): Promise<void>;
}

export const SENDER = 'app@example.org';

export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** The app behind {@link SENDER}. */
export const APP = { id: 'test-app', secret: 'test-app-secret' };

export async function startGate(options: GateOptions): Promise<Gate> {
  const folder = makeFolder('gate');
  const [starttls, implicit, web, pages, people, inbox] = (await freePorts(6)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const { ca, certificate, key } = await testCertificate();
  for (const [name, text] of Object.entries({
    'ca.pem': ca,
    'certificate.pem': certificate,
    'key.pem': key,
    secret: APP.secret,
  })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
  const ports = { starttls, implicit, web, pages, people, inbox };
  const file = join(folder, 'postern.yaml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(configuration(options, ports), null, 2));

  const issuer = `http://localhost:${web}`;
  const earlier: string[] = [];
  let running: ServerProcess | undefined;

  async function start(): Promise<void> {
    running = await startServerProcess(
      process.execPath,
      ['--max-semi-space-size=4', MAIN, 'serve', '--config', file],
      {
        folder,
        environment: programEnvironment(folder),
        isReady: (line) => line.includes('"event":"started"'),
      },
    );
  }
  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await running?.end(signal);
    earlier.push(...(running?.lines ?? []));
    running = undefined;
  }
  await start();

  return {
    folder,
    ports: { starttls, implicit },
    ca: join(folder, 'ca.pem'),
    issuer,
    identityProvider: `http://localhost:${people}`,
    health: `http://127.0.0.1:${pages}`,
    get pid() {
      if (!running) throw new Error('the gate is not running');
      return running.pid;
    },
    journal: readJournal(() => [...earlier, ...(running?.lines ?? [])]),
    token: () => fetchAppToken({ issuer, client: APP }),
    start,
    stop,
    async close() {
      await stop('SIGKILL');
      removeFolder(folder);
    },
  };
}

function configuration(options: GateOptions, ports: Record<string, number>): object {
  const { upstream, withPeople = false } = options;
  const at = (name: string) => `127.0.0.1:${ports[name]}`;
  return {
    submission: {
      hostname: 'localhost',
      listeners: [
        { listen: at('starttls'), tls: 'starttls' },
        { listen: at('implicit'), tls: 'implicit' },
      ],
      tls: { certificate: 'certificate.pem', key: 'key.pem' },
      ...options.submission,
    },
    upstream: {
      host: 'localhost',
      port: upstream.port,
      tls: upstream.tls ?? 'none',
      ca: 'ca.pem',
      ...options.relay,
    },
    authorization: {
      issuer: `http://localhost:${ports['web']}`,
      listen: at('web'),
      identityProvider: {
        issuer: `http://localhost:${ports['people']}`,
        clientId: 'postern',
        allowInsecureHttp: true,
      },
      clients: [{ clientId: APP.id, clientSecret: { file: 'secret' }, sendAs: [SENDER] }],
      ...options.authorization,
    },
    token: { audience: `http://localhost:${ports['web']}`, ...options.token },
    ...options.sections,
    ...(options.dkim && { dkim: options.dkim }),
    store: { sqlite: 'postern.sqlite' },
    // The lowest level, for the search for secrets in it.
    audit: { listen: at('pages'), level: 'trace' },
    ...(withPeople && {
      demo: { identityProvider: at('people'), inbox: at('inbox'), folder: 'demo' },
    }),
  };
}

/** By the client credentials grant, from the token endpoint that the metadata name (RFC 8414). */
export async function fetchAppToken(given: {
  issuer: string;
  client: { id: string; secret: string };
  scope?: string;
}): Promise<string> {
  const metadata = await fetch(`${given.issuer}/.well-known/oauth-authorization-server`);
  const { token_endpoint: endpoint } = (await metadata.json()) as { token_endpoint: string };
  const credentials = Buffer.from(`${given.client.id}:${given.client.secret}`).toString('base64');
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: given.scope ?? 'smtp.submit' }),
  });
  const answer = (await response.json()) as { access_token?: string; error?: string };
  if (!answer.access_token) throw new Error(`no token: ${response.status} ${answer.error}`);
  return answer.access_token;
}
