// The demo's certificate: real clients accept it, it is kept, and it is renewed in time.

import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { prepareDemoCertificates } from '../../../src/demo/certificates.ts';

const DAY = 24 * 60 * 60 * 1000;
let folder: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'postern-demo-')), 'demo');
});
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

const contents = () =>
  ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readFileSync(join(folder, name), 'utf8'));

test.each(['localhost', '127.0.0.1', '::1'])(
  'a client that trusts ca.pem alone connects to %s',
  async (host) => {
    const files = await prepareDemoCertificates({ folder });
    const server = tls.createServer({
      cert: readFileSync(files.certificate),
      key: readFileSync(files.key),
    });
    onTestFinished(() => void server.close());
    await new Promise<void>(
      (resolve) => void server.listen(0, host === '::1' ? '::1' : '127.0.0.1', resolve),
    );
    const socket = tls.connect({
      host: host === 'localhost' ? '127.0.0.1' : host,
      ...(host === 'localhost' ? { servername: host } : {}),
      port: (server.address() as AddressInfo).port,
      ca: readFileSync(files.ca),
    });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    expect(socket.authorized).toBe(true);
    socket.destroy();
  },
);

test('it is good for a TLS server and nothing else', async () => {
  const files = await prepareDemoCertificates({ folder });
  const [ca, certificate] = [files.ca, files.certificate].map(
    (file) => new X509Certificate(readFileSync(file)),
  );
  expect([ca?.ca, ca?.checkHost('localhost')]).toEqual([true, undefined]);
  expect([certificate?.ca, certificate?.keyUsage]).toEqual([false, ['1.3.6.1.5.5.7.3.1']]);
  expect(certificate?.checkHost('example.org')).toBeUndefined();
});

test('the key is for its owner alone, and the CA’s key is kept nowhere', async () => {
  const files = await prepareDemoCertificates({ folder });
  expect([statSync(files.key).mode & 0o777, statSync(folder).mode & 0o777]).toEqual([0o600, 0o700]);
  const ca = new X509Certificate(readFileSync(files.ca));
  const certificate = new X509Certificate(readFileSync(files.certificate));
  expect(ca.publicKey.equals(certificate.publicKey)).toBe(false);
  expect(
    contents()
      .join('')
      .match(/PRIVATE KEY-----\n/g),
  ).toHaveLength(2);
});

test('it is kept while it is good, and made anew thirty days before it ends', async () => {
  await prepareDemoCertificates({ folder });
  const first = contents();
  await prepareDemoCertificates({ folder, now: () => Date.now() + 355 * DAY });
  expect(contents()).toEqual(first);
  await prepareDemoCertificates({ folder, now: () => Date.now() + 365 * DAY });
  expect(contents().filter((content) => first.includes(content))).toEqual([]);
});

test.each([
  ['a file is missing', () => rm(join(folder, 'key.pem'))],
  ['a file is empty', () => writeFileSync(join(folder, 'ca.pem'), '')],
  [
    'a file is another’s',
    async () => {
      const key = readFileSync(join(folder, 'key.pem'));
      await rm(folder, { recursive: true });
      await prepareDemoCertificates({ folder });
      writeFileSync(join(folder, 'key.pem'), key);
    },
  ],
  [
    'the clock was wrong when it was made',
    async () => {
      await rm(folder, { recursive: true });
      await prepareDemoCertificates({ folder, now: () => Date.now() + 3_000 * DAY });
    },
  ],
])('it is made anew where %s', async (_name, spoil) => {
  await prepareDemoCertificates({ folder });
  await spoil();
  const files = await prepareDemoCertificates({ folder });
  const context = () =>
    tls.createSecureContext({ cert: readFileSync(files.certificate), key: readFileSync(files.key) });
  expect(context).not.toThrow();
  const certificate = new X509Certificate(readFileSync(files.certificate));
  expect(certificate.verify(new X509Certificate(readFileSync(files.ca)).publicKey)).toBe(true);
  expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now());
});
