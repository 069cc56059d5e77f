// TLS opened as a whole: with a certificate alone, with every setting, and its upkeep until it is closed.

import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { openTls, type TlsChoice } from '../../../src/tls/open.ts';
import { type Issued, makeAuthority } from '../../support/certificate-maker.ts';
import { listen, makeFolder, memoryTicketKeys, writePair } from './situation.ts';
import { serve, visit } from './wire.ts';

const MINUTE = 60_000;

let issued: Issued;
beforeAll(async () => {
  issued = await (await makeAuthority()).issue({ names: ['mail.example.org'] });
});
afterEach(() => void vi.useRealTimers());

async function open(more: Partial<TlsChoice> = {}, now = Date.now) {
  const faults: unknown[] = [];
  const store = memoryTicketKeys();
  const tls = await openTls({
    settings: { ...writePair(makeFolder(), 'server', issued), ...more },
    path: 'submission.tls',
    ticketKeyStore: store,
    news: { ...listen(), onFault: (error) => faults.push(error) },
    now,
  });
  return { tls, store, faults };
}

it('needs a certificate and nothing else, as in the demo', async () => {
  const { tls, store } = await open();
  const { port } = await serve(tls.contexts);
  expect(await visit(port)).toMatchObject({ said: 'full', protocol: 'TLSv1.3' });
  expect(await visit(port, { maxVersion: 'TLSv1.2' })).toMatchObject({ protocol: 'TLSv1.2' });
  await expect(visit(port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
  expect(tls.contexts.askingClients).toBeUndefined();
  expect((store.rows[0]?.expiresAt ?? 0) - (store.rows[0]?.startsAt ?? 0)).toBe(24 * 3600);
  tls.close();
});

it('does as it is told', async () => {
  const { tls, store } = await open({
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    sessionTickets: { rotateEvery: 30 * MINUTE },
  });
  const { port } = await serve(tls.contexts);
  expect(await visit(port)).toMatchObject({ cipher: 'TLS_AES_128_GCM_SHA256' });
  await expect(visit(port, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
  expect((store.rows[0]?.expiresAt ?? 0) - (store.rows[0]?.startsAt ?? 0)).toBe(3600);
  tls.close();
});

it('tells an engine what it needs before it takes a context from here', async () => {
  const { tls } = await open({ ciphers: 'ECDHE+AESGCM' });
  expect(tls.contexts.options).toMatchObject({
    cert: issued.certificate,
    key: issued.key,
    minVersion: 'TLSv1.2',
    ciphers: expect.stringMatching(/^TLS_.*:ECDHE\+AESGCM$/),
    honorCipherOrder: true,
  });
  tls.close();
});

it('looks after the ticket keys every minute, tells when it cannot, and ends', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  let now = Date.UTC(2026, 10, 1, 12);
  const { tls, store, faults } = await open({}, () => now);
  expect(store.rows).toHaveLength(2);
  now += 12 * 60 * MINUTE;
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(store.rows).toHaveLength(3);
  store.listLive = () => Promise.reject(new Error('disk gone'));
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(faults).toEqual([new Error('disk gone')]);
  tls.close();
  await vi.advanceTimersByTimeAsync(10 * MINUTE);
  expect(faults).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

it('leaves nothing behind where the store cannot be read', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  const store = memoryTicketKeys();
  store.listLive = () => Promise.reject(new Error('disk gone'));
  const opening = openTls({
    settings: writePair(makeFolder(), 'server', issued),
    path: 'submission.tls',
    ticketKeyStore: store,
    news: listen(),
  });
  await expect(opening).rejects.toThrow('disk gone');
  expect(vi.getTimerCount()).toBe(0);
});
