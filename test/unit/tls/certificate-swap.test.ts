// Certificates replaced while clients come: nobody is turned away, the new one is shown soon, what is of no use is kept out.

import { renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Certificates, openCertificates } from '../../../src/tls/certificates.ts';
import { createTlsContexts } from '../../../src/tls/contexts.ts';
import { openTicketKeys } from '../../../src/tls/ticket-keys.ts';
import { type Authority, type Issued, makeAuthority } from '../../support/certificate-maker.ts';
import { listen, makeFolder, memoryTicketKeys, writePair } from './situation.ts';
import { serve, visit } from './wire.ts';

const DAY = 86_400_000;

let authority: Authority;
let before: Issued;
let after: Issued;
/** The same key as before's. */
let mixed: Issued;

beforeAll(async () => {
  authority = await makeAuthority();
  before = await authority.issue({ names: ['mail.example.org'], commonName: 'before' });
  after = await authority.issue({ names: ['mail.example.org'], commonName: 'after', kind: 'rsa' });
  mixed = { certificate: after.certificate, key: before.key };
});

interface Scene {
  readonly files: { certificate: string; key: string };
  readonly certificates: Certificates;
  readonly told: ReturnType<typeof listen>['told'];
  readonly port: number;
  readonly failures: readonly string[];
  shown(): Promise<string>;
}

async function scene(
  options: { now?: () => number; patience?: number; folder?: string } = {},
): Promise<Scene> {
  const { folder = makeFolder(), patience = 10_000 } = options;
  const files = writePair(folder, 'server', before);
  const news = listen();
  const certificates = await openCertificates({
    settings: files,
    path: 'submission.tls',
    news,
    pollEvery: 10,
    patience,
    ...(options.now === undefined ? {} : { now: options.now }),
  });
  const ticketKeys = await openTicketKeys({ store: memoryTicketKeys(), rotateEvery: 3_600_000 });
  const contexts = createTlsContexts({ settings: {}, certificates, ticketKeys });
  onTestFinished(() => {
    contexts.close();
    certificates.close();
  });
  const { port, failures } = await serve(contexts);
  const shown = async () => (await visit(port, { servername: 'mail.example.org' })).certificate;
  return { files, certificates, told: news.told, port, failures, shown };
}

/** Waits until something is so, at most 20 seconds. */
async function until(look: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 20_000; performance.now() < end; ) {
    if (await look()) return;
    await delay(5);
  }
  throw new Error('waited in vain');
}

/** Long enough for several looks at the files. */
const aWhile = () => delay(100);

describe('files replaced under load', () => {
  const replace = (file: string, text: string) => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  it.each([
    ['the certificate first', ['certificate', 'key'], replace],
    ['the key first', ['key', 'certificate'], replace],
    ['the certificate first, in place', ['certificate', 'key'], writeFileSync],
    ['the key first, in place', ['key', 'certificate'], writeFileSync],
  ] as const)('%s: no handshake fails, the new one is shown', async (_how, order, write) => {
    const { files, told, shown, failures } = await scene();
    const seen: string[] = [];
    let isOver = false;
    onTestFinished(() => {
      isOver = true;
    });
    const load = Array.from({ length: 3 }, async () => {
      while (!isOver) seen.push(await shown());
    });
    for (const what of order) {
      await delay(30);
      write(files[what], after[what]);
    }
    await until(() => seen.includes('after'));
    const first = seen.indexOf('after');
    await until(() => seen.length > first + 20);
    isOver = true;
    await Promise.all(load);

    expect(failures).toEqual([]);
    expect(new Set(seen)).toEqual(new Set(['before', 'after']));
    // Three at a time: whoever came while it changed may still have seen the old one.
    expect(seen.slice(first + 3)).not.toContain('before');
    expect(told).toEqual([{ event: 'reloaded', file: files.certificate }]);
  });

  it('a connection that is open stays open', async () => {
    const { files, certificates, port } = await scene();
    const session = (await visit(port)).tickets[0];
    writePair(join(files.certificate, '..'), 'server', after);
    await until(() => certificates.first().certificate === after.certificate);
    // Nor is a session forgotten that began under the old certificate.
    expect((await visit(port, { session })).said).toBe('resumed');
  });
});

it('follows the links that certbot and Kubernetes replace', async () => {
  const folder = makeFolder();
  for (const [name, pair] of Object.entries({ one: before, two: after })) {
    const target = join(folder, name);
    writePair(folder, name, pair);
    symlinkSync(`${target}.pem`, `${target}-live.pem`);
  }
  const links = { certificate: join(folder, 'server.pem'), key: join(folder, 'server-key.pem') };
  const point = (name: string) => {
    for (const [link, target] of [
      [links.certificate, `${name}.pem`],
      [links.key, `${name}-key.pem`],
    ] as const) {
      symlinkSync(join(folder, target), `${link}.new`);
      renameSync(`${link}.new`, link);
    }
  };
  point('one');
  const news = listen();
  const certificates = await openCertificates({ settings: links, path: 'tls', news, pollEvery: 10 });
  onTestFinished(() => certificates.close());
  point('two');
  await until(() => certificates.first().certificate === after.certificate);
});

describe('what is of no use', () => {
  const cut = (text: string) => text.slice(0, text.length / 2);
  it.each([
    ['the certificate of another key', () => mixed, 'does not belong to the certificate'],
    [
      'the key of another certificate',
      () => ({ ...before, key: after.key }),
      'does not belong to the certificate',
    ],
    ['half a certificate', () => ({ ...after, certificate: cut(after.certificate) }), 'is it cut off?'],
    [
      'a chain cut in its second certificate',
      () => ({ ...after, certificate: after.certificate + cut(authority.certificate) }),
      'is it cut off?',
    ],
    ['half a key', () => ({ ...after, key: cut(after.key) }), 'is it cut off?'],
    ['an empty file', () => ({ ...after, certificate: '' }), 'holds no certificate'],
    ['a key that OpenSSL thinks too short', () => weak, 'cannot be used: ee key too small'],
    ['one that has expired', () => expired, 'the certificate expired on '],
    ['one that is not valid yet', () => early, 'the certificate is not valid before '],
  ])('%s is kept out, told once, and forgotten when it is put right', async (_what, bad, reason) => {
    const { files, told, shown, failures } = await scene({ patience: 30 });
    const folder = join(files.certificate, '..');
    writePair(folder, 'server', bad());
    await until(() => told.length > 0);
    await aWhile();
    expect(told).toEqual([
      { event: 'failed', file: files.certificate, reason: expect.stringContaining(reason) },
    ]);
    expect(told[0]?.reason).not.toContain('PRIVATE KEY-----\n');
    expect(await shown()).toBe('before');

    writePair(folder, 'server', after);
    await until(async () => (await shown()) === 'after');
    expect(told.slice(1)).toEqual([{ event: 'reloaded', file: files.certificate }]);
    expect(failures).toEqual([]);

    // And told again where it happens again.
    unlinkSync(files.key);
    await until(() => told.length > 2);
    expect(told[2]).toMatchObject({ event: 'failed', reason: `there is no file ${files.key}` });
    expect(await shown()).toBe('after');
  });

  let weak: Issued;
  let expired: Issued;
  let early: Issued;
  beforeAll(async () => {
    const names = ['mail.example.org'];
    weak = await authority.issue({ names, kind: 'weak-rsa' });
    expired = await authority.issue({ names, notBefore: Date.now() - 2 * DAY, notAfter: Date.now() - DAY });
    early = await authority.issue({ names, notBefore: Date.now() + DAY, notAfter: Date.now() + 2 * DAY });
  });

  it('is not told while it may be put right at once', async () => {
    const { files, told, shown } = await scene({ patience: 60_000 });
    writeFileSync(files.certificate, mixed.certificate);
    await aWhile();
    expect(await shown()).toBe('before');
    writeFileSync(files.certificate, before.certificate);
    await aWhile();
    expect(told).toEqual([]);
  });

  it('takes the place of what has expired itself', async () => {
    let now = Date.now();
    const { files, shown, told } = await scene({ now: () => now });
    now += 2000 * DAY;
    writePair(join(files.certificate, '..'), 'server', after);
    await until(async () => (await shown()) === 'after');
    expect(told).toContainEqual({ event: 'reloaded', file: files.certificate });
  });

  it('keeps Postern from starting, every fault with its setting', async () => {
    const folder = makeFolder();
    const good = writePair(folder, 'good', before);
    const other = writePair(folder, 'mixed', mixed);
    const gone = writePair(folder, 'gone', before);
    rmSync(gone.key);
    const opening = openCertificates({
      settings: { ...good, certificates: [other, good, gone], clientAuthorities: good.key },
      path: 'submission.tls',
      news: listen(),
    });
    await expect(opening).rejects.toMatchObject({
      faults: [
        { path: 'submission.tls.certificates[0]', message: expect.stringContaining('does not belong') },
        { path: 'submission.tls.certificates[2]', message: `there is no file ${gone.key}` },
        { path: 'submission.tls.clientAuthorities', message: expect.stringContaining('no certificate') },
      ],
    });
  });
});

describe('asked to read anew', () => {
  it('takes what is there at once', async () => {
    const { files, certificates, told } = await scene();
    writePair(join(files.certificate, '..'), 'server', after);
    await certificates.reload();
    expect(certificates.first().certificate).toBe(after.certificate);
    expect(told).toEqual([{ event: 'reloaded', file: files.certificate }]);
  });

  it('tells at once what is wrong, and no second time', async () => {
    const { files, certificates, told } = await scene({ patience: 20 });
    writeFileSync(files.key, after.key);
    await certificates.reload();
    expect(told).toMatchObject([{ event: 'failed' }]);
    await aWhile();
    expect(told).toHaveLength(1);
    expect(certificates.first().certificate).toBe(before.certificate);
  });
});

it('looks no more once it is closed, even while it looks', async () => {
  const folder = makeFolder();
  const settings = writePair(folder, 'server', before);
  let changes = 0;
  const certificates = await openCertificates({ settings, path: 'tls', news: listen(), pollEvery: 5 });
  certificates.onChange(() => {
    changes += 1;
    certificates.close();
  });
  writePair(folder, 'server', after);
  await until(() => changes > 0);
  writePair(folder, 'server', before);
  await aWhile();
  expect(changes).toBe(1);
  expect(certificates.first().certificate).toBe(after.certificate);
});

it('warns once a day when less than two weeks are left', async () => {
  let now = Date.now();
  const folder = makeFolder();
  const ending = { names: ['mail.example.org'], notAfter: now + 16.5 * DAY };
  const files = writePair(folder, 'ending', await authority.issue(ending));
  const long = writePair(folder, 'long', before);
  const news = listen();
  const settings = { ...files, certificates: [long] };
  const certificates = await openCertificates({ settings, path: 'tls', news, pollEvery: 5, now: () => now });
  onTestFinished(() => certificates.close());
  for (let day = 0; day < 3; day += 1) {
    await delay(30);
    expect(news.told).toEqual([]);
    now += DAY;
  }
  for (let warnings = 1; warnings <= 3; warnings += 1) {
    await until(() => news.told.length === warnings);
    now += DAY - 1;
    await delay(30);
    expect(news.told).toHaveLength(warnings);
    now += 1;
  }
  expect(new Set(news.told.map(({ event, file }) => `${event} ${file}`))).toEqual(
    new Set([`expires ${files.certificate}`]),
  );
});
