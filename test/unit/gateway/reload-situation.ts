// A whole gateway from a configuration in a folder of its own, which a test changes and has reloaded; clients and tokens for it.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type AdministrationClient, createAdministrationClient } from '../../../src/administration/client.ts';
import { loadSettingsFile } from '../../../src/config/load.ts';
import { type Gateway, type Given, startGateway } from '../../../src/gateway.ts';
import { testCertificate } from '../../support/certificates.ts';
import { freePorts } from '../../support/free-ports.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../../support/scripted-upstream.ts';
import { connectSmtp, type SmtpClient } from '../../support/smtp-client.ts';

/** As an operator writes it; tests change it freely. */
// biome-ignore lint/suspicious/noExplicitAny: the configuration file is what is under test, in whatever shape a test gives it
export type Configuration = any;
export type Change = (configuration: Configuration) => void;

export interface ReloadSituation {
  readonly folder: string;
  readonly ports: Readonly<Record<PortName, number>>;
  readonly upstream: ScriptedUpstream;
  readonly gateway: Gateway;
  /** Lines of the journal so far. */
  readonly journal: readonly string[];
  readonly administration: AdministrationClient;
  /** The configuration without the changes of the start, but with these; throws where it has faults. */
  given(...changes: Change[]): Given;
  reload(...changes: Change[]): Promise<void>;
  /** Connected, greeted, EHLO said; on `relay` that is enough to send as scanner@example.org. */
  open(port?: PortName | number): Promise<SmtpClient>;
  /** Connected, nothing read yet. */
  connect(port: PortName | number): Promise<SmtpClient>;
  token(): Promise<string>;
  revokeToken(token: string): Promise<void>;
}

const PORTS = ['submission', 'implicit', 'relay', 'spare', 'web', 'pages'] as const;
export type PortName = (typeof PORTS)[number];

export const ENVELOPE = ['MAIL FROM:<scanner@example.org>', 'RCPT TO:<bob@example.net>', 'DATA'];
export const MESSAGE = 'From: scanner@example.org\r\n\r\nText\r\n';
export const APP = { id: 'test-app', secret: 'only-for-the-reload-test' };

export async function startReloadSituation(...initial: Change[]): Promise<ReloadSituation> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-reload-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { ca, certificate, key } = await testCertificate();
  const files = { 'certificate.pem': certificate, 'key.pem': key, secret: APP.secret };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  const upstream = await startScriptedUpstream();
  onTestFinished(() => upstream.close());
  const free = await freePorts(PORTS.length);
  const ports = Object.fromEntries(PORTS.map((name, index) => [name, free[index]])) as Record<
    PortName,
    number
  >;
  const issuer = `http://localhost:${ports.web}`;

  function given(...changes: Change[]): Given {
    const configuration = configurationOf(ports, upstream.port);
    for (const change of changes) change(configuration);
    const file = join(folder, 'postern.yaml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(configuration, null, 2));
    const loaded = loadSettingsFile(file, {});
    if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults));
    return loaded;
  }

  const journal: string[] = [];
  const write = (line: string): void => void journal.push(line);
  const gateway = await startGateway({ ...given(...initial), version: '0', journal: { write } });
  onTestFinished(() => gateway.stop('the test is over'));

  async function connect(port: PortName | number): Promise<SmtpClient> {
    const client = await connectSmtp({
      host: '127.0.0.1',
      port: typeof port === 'number' ? port : ports[port],
      ca,
      implicitTls: port === 'implicit',
    });
    onTestFinished(() => client.destroy());
    return client;
  }
  async function ask(path: string, body: Record<string, string>): Promise<unknown> {
    const credentials = Buffer.from(`${APP.id}:${APP.secret}`).toString('base64');
    const response = await fetch(`${issuer}${path}`, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}` },
      body: new URLSearchParams(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  return {
    folder,
    ports,
    upstream,
    gateway,
    journal,
    administration: createAdministrationClient({ socket: join(folder, 'run', 'admin.sock') }),
    given,
    reload: (...changes) => gateway.reload(given(...changes)),
    connect,
    async open(port = 'relay') {
      const client = await connect(port);
      await expectCode(client.readReply(), '220');
      await expectCode(client.command('EHLO client.example'), '250');
      return client;
    },
    async token() {
      const answer = await ask('/token', { grant_type: 'client_credentials', scope: 'smtp.submit' });
      return (answer as { access_token: string }).access_token;
    },
    async revokeToken(token) {
      await ask('/token/revocation', { token });
    },
  };
}

/** Sends the lines one by one; each must be answered with 2xx or 3xx. */
export async function say(client: SmtpClient, lines: readonly string[]): Promise<void> {
  for (const line of lines) await expectCode(client.command(line), '[23]');
}

export async function expectCode(reply: Promise<readonly string[]>, code: string): Promise<void> {
  const lines = await reply;
  if (!new RegExp(`^${code}`).test(lines[0] ?? ''))
    throw new Error(`expected ${code}, got ${lines.join(' / ')}`);
}

function configurationOf(ports: Readonly<Record<PortName, number>>, upstream: number): Configuration {
  const at = (name: PortName) => `127.0.0.1:${ports[name]}`;
  const issuer = `http://localhost:${ports.web}`;
  return {
    submission: {
      hostname: 'localhost',
      listeners: [
        { preset: 'submission', listen: at('submission') },
        { preset: 'submissions', listen: at('implicit') },
        { preset: 'relay', listen: at('relay') },
      ],
      trustedNetworks: [
        { name: 'scanners', networks: ['127.0.0.1'], sendAs: ['scanner@example.org'], maxConnections: 100 },
      ],
      tls: { certificate: 'certificate.pem', key: 'key.pem' },
      drainTimeout: '3s',
    },
    upstream: { host: '127.0.0.1', port: upstream, tls: 'none' },
    authorization: {
      issuer,
      listen: at('web'),
      identityProvider: { issuer: 'http://localhost:9', clientId: 'postern', allowInsecureHttp: true },
      clients: [{ clientId: APP.id, clientSecret: { file: 'secret' }, sendAs: ['app@example.org'] }],
    },
    token: { audience: issuer },
    store: { sqlite: 'postern.sqlite' },
    audit: { listen: at('pages') },
    administration: { socket: 'run/admin.sock' },
  };
}

/** A port that somebody else has until the test is over. */
export async function busyPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
