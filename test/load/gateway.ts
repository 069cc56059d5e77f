// A Postern of its own for a measurement: a real process from a configuration file in a temporary folder.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testCertificate } from '../support/certificates.ts';
import { freePorts } from '../support/free-ports.ts';
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
  /** Who may send with the other app's token. */
  readonly otherSender: string;
  /** A new access token of the app that may send as `sender`, or of the other one. */
  token(app?: App): Promise<string>;
  /** Gives a token back at the revocation endpoint (RFC 7009). */
  revoke(token: string): Promise<void>;
  /** `kill -9`, and the same configuration and store again. */
  killAndRestart(): Promise<void>;
  close(): Promise<void>;
}

type App = 'bench-app' | 'other-app';

const SENDER = 'bench@example.org';
const OTHER_SENDER = 'other@example.org';
const SECRET = 'bench-app-secret';
/** A benchmark has all its connections from one address, and of one app. */
const ROOMY = ['maxConnectionsPerAddress: 2000', 'maxSessionsPerUser: 2000'];
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/**
 * @param upstream port of the upstream on 127.0.0.1, in clear text
 * @param limits lines of the section `submission`; none for the limits that hold by default
 */
export async function startMeasuredGateway(
  upstream: number,
  limits: readonly string[] = ROOMY,
): Promise<MeasuredGateway> {
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
  await writeFile(files.secret, SECRET, { mode: 0o600 });
  const ports = { starttls, implicit, web, pages, upstream };
  await writeFile(join(folder, 'postern.yaml'), configuration(ports, limits));
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
    otherSender: OTHER_SENDER,
    token: (app = 'bench-app') => fetchToken(web, app),
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

const configuration = (
  ports: { starttls: number; implicit: number; web: number; pages: number; upstream: number },
  limits: readonly string[],
): string => `
submission:
  hostname: localhost
  listeners:
    - { listen: '127.0.0.1:${ports.starttls}', tls: starttls }
    - { listen: '127.0.0.1:${ports.implicit}', tls: implicit }
  tls: { certificate: cert.pem, key: key.pem }
  maxMessageBytes: 104857600
${limits.map((line) => `  ${line}`).join('\n')}
upstream: { host: 127.0.0.1, port: ${ports.upstream}, tls: none }
authorization:
  issuer: http://localhost:${ports.web}
  listen: 'localhost:${ports.web}'
  accessTokenLifetime: 1h
  identityProvider: { issuer: 'http://localhost:9', clientId: postern, allowInsecureHttp: true }
  clients:
    - { clientId: bench-app, clientSecret: { file: secret.txt }, sendAs: [${SENDER}] }
    - { clientId: other-app, clientSecret: { file: secret.txt }, sendAs: [${OTHER_SENDER}] }
token: { audience: 'https://localhost' }
store: { sqlite: postern.sqlite }
audit: { listen: '127.0.0.1:${ports.pages}' }
`;

function post(web: number, path: string, form: Record<string, string>, app: App): Promise<Response> {
  return fetch(`http://localhost:${web}${path}`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${app}:${SECRET}`).toString('base64')}` },
    body: new URLSearchParams(form),
  });
}

async function revokeToken(web: number, token: string): Promise<void> {
  const response = await post(web, '/token/revocation', { token }, 'bench-app');
  if (!response.ok) throw new Error(`not revoked: ${response.status}`);
}

async function fetchToken(web: number, app: App): Promise<string> {
  const form = { grant_type: 'client_credentials', scope: 'smtp.submit' };
  const response = await post(web, '/token', form, app);
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (!token) throw new Error(`no token: ${response.status}`);
  return token;
}
