// A sound configuration that this machine cannot fulfil: ports in use, a store that cannot be opened. Told all at once.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const PEM = fileURLToPath(new URL('pem', import.meta.url));

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-start-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function configuration(given: { submission?: number; web?: number; pages?: number; store?: string }): string {
  return `
submission:
  hostname: mail.example.org
  listeners:
    - listen: 127.0.0.1:${given.submission ?? 0}
      tls: starttls
  tls:
    certificate: ${PEM}/certificate.pem
    key: ${PEM}/key.pem
upstream:
  host: 127.0.0.1
  port: 9
  tls: none
authorization:
  issuer: https://mail.example.org
  listen: 127.0.0.1:${given.web ?? 0}
  identityProvider:
    issuer: https://id.example.org
    clientId: postern
token:
  audience: https://mail.example.org
store:
  sqlite: ${given.store ?? 'postern.sqlite'}
audit:
  listen: 127.0.0.1:${given.pages ?? 0}
`;
}

/** What people read, and the exit code, of a start that must fail. */
async function start(text: string): Promise<{ exitCode: unknown; told: string[] }> {
  writeFileSync(join(folder, 'postern.yaml'), text);
  const child = spawn(process.execPath, [MAIN, 'serve'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let told = '';
  child.stderr.on('data', (chunk) => {
    told += chunk;
  });
  const [exitCode] = await once(child, 'close');
  return { exitCode, told: told.trimEnd().split('\n') };
}

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

it('names every port that is in use', async () => {
  const [submission, web, pages] = await Promise.all([takenPort(), takenPort(), takenPort()]);
  const { exitCode, told } = await start(configuration({ submission, web, pages }));
  expect(told).toEqual([
    expect.stringMatching(/^postern\.yaml: submission\.listeners\[0\]\.listen: .*in use/),
    expect.stringMatching(/^postern\.yaml: authorization\.listen: .*in use/),
    expect.stringMatching(/^postern\.yaml: audit\.listen: .*in use/),
    '3 faults. Postern did not start.',
  ]);
  expect(exitCode).toBe(1);
});

it('names a store that cannot be opened', async () => {
  writeFileSync(
    join(folder, 'postern.sqlite'),
    'this is not a database, and longer than its header would be'.repeat(20),
  );
  const { exitCode, told } = await start(configuration({}));
  expect(told).toEqual([
    expect.stringMatching(/^postern\.yaml: store\.sqlite: .+/),
    '1 fault. Postern did not start.',
  ]);
  expect(exitCode).toBe(1);
});
