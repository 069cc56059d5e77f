// Owns the demo as one process would serve it, on free ports and in a folder of its own: both doors, the identity provider that
// comes with it, and the inbox.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdministrationClient, createAdministrationClient } from '../../src/administration/client.ts';
import { loadSettingsFile } from '../../src/config/load.ts';
import { startGateway } from '../../src/gateway.ts';
import { freePorts } from './free-ports.ts';

export interface DemoGateway {
  /** All that a mail program is told. */
  readonly submission: { readonly host: string; readonly port: number };
  /** PEM of the authority of the demo's certificate, in place of those of the system. */
  readonly ca: string;
  readonly issuer: string;
  readonly identityProvider: string;
  /** Each accepted message as text, with its envelope in fields before it. */
  inbox(): string[];
  readonly administration: AdministrationClient;
  stop(): Promise<void>;
}

/** @param clients YAML of `authorization.clients`, in one line */
export async function startDemoGateway({ clients = '[]' } = {}): Promise<DemoGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-demo-'));
  const [smtp, web, idp, inbox, pages] = await freePorts(5);
  writeFileSync(
    join(folder, 'postern.yaml'),
    `
submission:
  hostname: localhost
  listeners: [{ listen: '127.0.0.1:${smtp}', tls: starttls }]
upstream: { host: 127.0.0.1, port: ${inbox}, tls: none }
authorization:
  issuer: http://localhost:${web}
  listen: '127.0.0.1:${web}'
  clients: ${clients}
  identityProvider: { issuer: 'http://localhost:${idp}', clientId: postern, name: Demo Login, allowInsecureHttp: true }
token: { audience: 'http://localhost:${web}' }
store: { sqlite: postern.sqlite }
audit: { level: error, listen: '127.0.0.1:${pages}' }
administration: { socket: run/admin.sock }
demo: { identityProvider: '127.0.0.1:${idp}', inbox: '127.0.0.1:${inbox}', folder: demo }
`,
  );
  const loaded = loadSettingsFile(join(folder, 'postern.yaml'), {});
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults));
  const gateway = await startGateway({ settings: loaded.settings, dangers: [], version: '0' });
  const letters = join(folder, 'demo/inbox');
  return {
    submission: { host: '127.0.0.1', port: smtp as number },
    ca: readFileSync(join(folder, 'demo/ca.pem'), 'utf8'),
    issuer: `http://localhost:${web}`,
    identityProvider: `http://localhost:${idp}`,
    administration: createAdministrationClient({ socket: join(folder, 'run', 'admin.sock') }),
    inbox: () =>
      readdirSync(letters)
        .filter((name) => name.endsWith('.eml'))
        .sort()
        .map((name) => readFileSync(join(letters, name), 'utf8')),
    async stop() {
      await gateway.stop('a test is over');
      rmSync(folder, { recursive: true });
    },
  };
}
