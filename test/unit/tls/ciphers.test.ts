// Which cipher suites a list comes to, and what is said of it; the suites are also tried over real connections.

import { createSecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { cipherList, judgeCiphers } from '../../../src/tls/ciphers.ts';
import { makeAuthority } from '../../support/certificate-maker.ts';
import { serve, visit } from './wire.ts';

const FINE = { isEmpty: false, isOpen: false, weak: [] };

describe('a list of cipher suites', () => {
  it.each([
    ['the default', cipherList()],
    ['names alone', 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['groups', 'ECDHE+AESGCM:ECDHE+CHACHA20'],
    ['what is left of much', 'HIGH:!aNULL:!kRSA:!DHE:!PSK:!SRP:!SHA1:!SHA256:!SHA384'],
    ['TLS 1.3 alone', 'TLS_AES_128_GCM_SHA256'],
    ['both', 'TLS_AES_256_GCM_SHA384:ECDHE+AESGCM'],
  ])('is fine: %s', (_what, list) => {
    expect(judgeCiphers(list)).toEqual(FINE);
  });

  it.each([
    ['a slip', 'ECDHE+AESGM'],
    ['everything taken away', 'ECDHE+AESGCM:!ECDHE'],
    ['what OpenSSL has no longer', 'RC4:DES-CBC3-SHA'],
    ['a suite of TLS 1.3 that does not exist', 'TLS_AES_512_GCM_SHA512:ECDHE+AESGCM'],
    ['nothing', ':'],
  ])('is empty: %s', (_what, list) => {
    expect(judgeCiphers(list)).toMatchObject({ isEmpty: true });
  });

  it.each([
    ['no forward secrecy', 'ECDHE+AESGCM:AES128-GCM-SHA256', ['AES128-GCM-SHA256']],
    ['no authenticated encryption', 'ECDHE-RSA-AES128-SHA', ['ECDHE-RSA-AES128-SHA']],
    ['Diffie and Hellman in their old form', 'DHE-RSA-AES128-GCM-SHA256', ['DHE-RSA-AES128-GCM-SHA256']],
    ['a group', 'AES128+SHA1:!PSK:!SRP:!aNULL', ['AES128-SHA', 'ECDHE-RSA-AES128-SHA', 'DHE-RSA-AES128-SHA']],
    ['what others use', 'HIGH:!aNULL', ['AES256-SHA', 'DHE-RSA-AES256-GCM-SHA384']],
    ['other ciphers', 'ECDHE+AESGCM:CAMELLIA:!PSK:!aNULL', ['ciphers of earlier days']],
    ['beside TLS 1.3', 'TLS_AES_128_GCM_SHA256:AES128-SHA', ['AES128-SHA']],
  ])('has weak suites: %s', (_what, list, weak) => {
    const judged = judgeCiphers(list);
    expect(judged).toMatchObject({ isEmpty: false, isOpen: false });
    expect(judged.weak).toEqual(expect.arrayContaining(weak));
    expect(judged.weak.filter((name) => /^ECDHE-(RSA|ECDSA)-.*(GCM|CHACHA20)/.test(name))).toEqual([]);
  });

  it.each([
    ['without a certificate', 'ECDHE+AESGCM:ADH-AES128-GCM-SHA256:@SECLEVEL=0'],
    ['without encryption', 'ECDHE+AESGCM:eNULL:@SECLEVEL=0'],
    ['without encryption, by name', 'ECDHE+AESGCM:ECDHE-RSA-NULL-SHA:@SECLEVEL=0'],
    ['both in one word', 'ALL:@SECLEVEL=0'],
    ['everything there is', 'COMPLEMENTOFALL:ALL:@SECLEVEL=0'],
  ])('is open: %s', (_what, list) => {
    expect(judgeCiphers(list)).toMatchObject({ isOpen: true });
  });
});

describe('over a connection', () => {
  async function speak(configured: string | undefined, maxVersion: 'TLSv1.2' | 'TLSv1.3') {
    const { certificate, key } = await (await makeAuthority()).issue({ names: ['localhost'] });
    const context = createSecureContext({ cert: certificate, key, ca: [], ciphers: cipherList(configured) });
    const { port } = await serve({ current: () => context, forName: () => undefined });
    return await visit(port, { maxVersion }).then(
      ({ protocol, cipher }) => `${protocol} ${cipher}`,
      () => 'none',
    );
  }

  it.each([
    [undefined, 'TLSv1.3', 'TLSv1.3 TLS_AES_256_GCM_SHA384'],
    [undefined, 'TLSv1.2', 'TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256'],
    // Node alone would speak no TLS 1.3 with this list.
    ['ECDHE-ECDSA-AES256-GCM-SHA384', 'TLSv1.3', 'TLSv1.3 TLS_AES_256_GCM_SHA384'],
    ['ECDHE-ECDSA-AES256-GCM-SHA384', 'TLSv1.2', 'TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['TLS_AES_128_GCM_SHA256:ECDHE+AESGCM', 'TLSv1.3', 'TLSv1.3 TLS_AES_128_GCM_SHA256'],
    ['TLS_AES_128_GCM_SHA256', 'TLSv1.2', 'none'],
    ['ECDHE-RSA-AES128-GCM-SHA256', 'TLSv1.2', 'none'],
  ] as const)('%s with %s', async (configured, version, expected) => {
    expect(await speak(configured, version)).toBe(expected);
  });
});
