// A Postern of its own for a measurement: a real process from a configuration file in a temporary folder.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testCertificate } from '../support/certificates.ts';
import { type Child, startNode } from './process.ts';

export interface MeasuredGateway {
  /** The process that runs now. */
  readonly child: Child;
  readonly folder: string;
  readonly ca: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Submission ports. */
  readonly starttls: number;
  readonly implicit: number;
  readonly sender: string;
  /** A new access token of the app that may send as `sender`. */
  token(): Promise<string>;
  /** Gives a token back at the revocation endpoint (RFC 7009). */
  revoke(token: string): Promise<void>;
  /** `kill -9`, and the same configuration and store again. */
  killAndRestart(): Promise<void>;
  close(): Promise<void>;
}

const SENDER = 'bench@example.org';
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** @param upstream port of the upstream on 127.0.0.1, in clear text */
export async function startMeasuredGateway(upstream: number): Promise<MeasuredGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-load-'));
  const [starttls, implicit, web, pages] = (await freePorts(4)) as [number, number, number, number];
  const { ca, certificate, key } = await testCertificate();
  const files = {
    certificate: join(folder, 'cert.pem'),
    key: join(folder, 'key.pem'),
    secret: join(folder, 'secret.txt'),
  };
  await writeFile(files.certificate, certificate);
  await writeFile(files.key, key, { mode: 0o600 });
  await writeFile(files.secret, 'bench-app-secret', { mode: 0o600 });
  await writeFile(join(folder, 'postern.yaml'), configuration({ starttls, implicit, web, pages, upstream }));
  const start = (): Promise<Child> =>
    startNode(
      ['--max-semi-space-size=4', MAIN, 'serve', '--config', join(folder, 'postern.yaml')],
      '"started"',
    );
  let child = await start();
  return {
    get child() {
      return child;
    },
    folder,
    ca,
    certificateFile: files.certificate,
    keyFile: files.key,
    starttls,
    implicit,
    sender: SENDER,
    token: () => fetchToken(web),
    revoke: (token) => revokeToken(web, token),
    async killAndRestart() {
      await child.stop('SIGKILL');
      child = await start();
    },
    async close() {
      await child.stop('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const configuration = (ports: {
  starttls: number;
  implicit: number;
  web: number;
  pages: number;
  upstream: number;
}): string => `
submission:
  hostname: localhost
  listeners:
    - { listen: '127.0.0.1:${ports.starttls}', tls: starttls }
    - { listen: '127.0.0.1:${ports.implicit}', tls: implicit }
  tls: { certificate: cert.pem, key: key.pem }
  maxMessageBytes: 104857600
  maxConnectionsPerAddress: 2000
upstream: { host: 127.0.0.1, port: ${ports.upstream}, tls: none }
authorization:
  issuer: http://localhost:${ports.web}
  listen: 'localhost:${ports.web}'
  accessTokenLifetime: 1h
  identityProvider: { issuer: 'http://localhost:9', clientId: postern, allowInsecureHttp: true }
  clients:
    - { clientId: bench-app, clientSecret: { file: secret.txt }, sendAs: [${SENDER}] }
token: { audience: 'https://localhost' }
store: { sqlite: postern.sqlite }
audit: { listen: '127.0.0.1:${ports.pages}' }
`;

function post(web: number, path: string, form: Record<string, string>): Promise<Response> {
  return fetch(`http://localhost:${web}${path}`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from('bench-app:bench-app-secret').toString('base64')}` },
    body: new URLSearchParams(form),
  });
}

async function revokeToken(web: number, token: string): Promise<void> {
  const response = await post(web, '/token/revocation', { token });
  if (!response.ok) throw new Error(`not revoked: ${response.status}`);
}

async function fetchToken(web: number): Promise<string> {
  const response = await post(web, '/token', { grant_type: 'client_credentials', scope: 'smtp.submit' });
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (!token) throw new Error(`no token: ${response.status}`);
  return token;
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
