// A start that fails: every fault at once, each with its path, and nothing left open.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadSettingsFile } from '../../../src/config/load.ts';
import { startGateway } from '../../../src/gateway.ts';
import { testCertificate } from '../../support/certificates.ts';

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function settingsWith(given: {
  sqlite: string;
  submission: number;
  web: number;
  pages: number;
  demo?: { identityProvider: number; inbox: number };
}) {
  const folder = mkdtempSync(join(tmpdir(), 'postern-start-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { certificate, key } = await testCertificate();
  writeFileSync(join(folder, 'cert.pem'), certificate);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  mkdirSync(join(folder, 'a-folder'));
  writeFileSync(
    join(folder, 'postern.yaml'),
    `
submission:
  hostname: localhost
  listeners: [{ listen: '127.0.0.1:${given.submission}', tls: starttls }]
  tls: { certificate: cert.pem, key: key.pem }
upstream: { host: 127.0.0.1, port: 9, tls: none }
authorization:
  issuer: http://localhost:${given.web}
  listen: '127.0.0.1:${given.web}'
  identityProvider: { issuer: 'http://localhost:9', clientId: postern, allowInsecureHttp: true }
token: { audience: 'https://localhost' }
store: { sqlite: ${given.sqlite} }
audit: { level: error, listen: '127.0.0.1:${given.pages}' }
${given.demo ? demoSection(given.demo) : ''}`,
  );
  const loaded = loadSettingsFile(join(folder, 'postern.yaml'), {});
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults));
  return { settings: loaded.settings, dangers: [], version: '0' };
}

test.each([
  ['a store that cannot be opened', 'a-folder', ['store.sqlite']],
  ['a store that can', 'store.sqlite', []],
])('%s, and every port in use: all are told', async (_what, sqlite, more) => {
  const [submission, web, pages] = [await takenPort(), await takenPort(), await takenPort()];
  const failure = await startGateway(await settingsWith({ sqlite, submission, web, pages })).catch(
    (error) => error,
  );
  expect(failure.faults.map(({ path }: { path: string }) => path)).toEqual([
    ...more,
    'submission.listeners[0].listen',
    'authorization.listen',
    'audit.listen',
  ]);
  for (const { message } of failure.faults.slice(more.length))
    expect(message).toContain('the port is in use');
});

test('the demo while another runs: each of its ports is told, as every other', async () => {
  const [submission, web, pages] = [await takenPort(), await takenPort(), await takenPort()];
  const demo = { identityProvider: await takenPort(), inbox: await takenPort() };
  const given = await settingsWith({ sqlite: 'store.sqlite', submission, web, pages, demo });
  const failure = await startGateway(given).catch((error) => error);
  const inUse = 'the port is in use; stop the other program or choose another port';
  expect(failure.faults).toEqual(
    [
      'demo.identityProvider',
      'demo.inbox',
      'submission.listeners[0].listen',
      'authorization.listen',
      'audit.listen',
    ].map((path) => ({ path, message: inUse })),
  );
});

test('a demo that fails for another reason says which', async () => {
  const [submission, web, pages] = [await takenPort(), await takenPort(), await takenPort()];
  const given = await settingsWith({
    sqlite: 'store.sqlite',
    submission,
    web,
    pages,
    demo: { identityProvider: 0, inbox: 0 },
  });
  // Where its folder belongs there is a file.
  const { demo } = given.settings;
  if (!demo) throw new Error('no demo in the settings');
  const broken = { ...given.settings, demo: { ...demo, folder: new URL(import.meta.url).pathname } };
  const failure = await startGateway({ ...given, settings: broken }).catch((error) => error);
  expect(failure.faults[0]).toEqual({ path: 'demo', message: expect.stringMatching(/ENOTDIR|EEXIST/) });
});

function demoSection({ identityProvider, inbox }: { identityProvider: number; inbox: number }): string {
  return `demo: { identityProvider: '127.0.0.1:${identityProvider}', inbox: '127.0.0.1:${inbox}', folder: demo }\n`;
}
