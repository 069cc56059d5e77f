// DKIM in the configuration: docs/dkim.md loads as it stands there, and what is dangerous about a key is said.

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { PRIVATE_KEYS } from '../../support/dkim-keys.ts';
import { faultsOf, load, SOUND, settingsOf, type TestFile } from './configuration.ts';

const page = readFileSync(new URL('../../../docs/dkim.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');

const rsaKey = (modulusLength: number): string =>
  generateKeyPairSync('rsa', { modulusLength })
    .privateKey.export({ type: 'pkcs1', format: 'pem' })
    .toString();

function withDkim(dkim: object, files: Record<string, TestFile> = {}) {
  return load(`${SOUND}\n${stringify({ dkim })}`, { files: { ...filesFor(), ...files } });
}

function filesFor(): Record<string, TestFile> {
  return Object.fromEntries(
    ['rsa-2026', 'rsa-2027', 'ed-2026'].map((selector) => [
      `/etc/postern/dkim-${selector}.pem`,
      { content: PRIVATE_KEYS[selector.startsWith('rsa') ? 'rsa' : 'ed'] },
    ]),
  );
}

const key = (name: string, domain = 'example.org') => ({
  domain,
  selector: name,
  privateKey: `/etc/postern/dkim-${name}.pem`,
});

function dangersOf(dkim: object, files?: Record<string, TestFile>): string[] {
  return settingsOf(withDkim(dkim, files)).dangers.filter((danger) => danger.startsWith('dkim'));
}

describe('docs/dkim.md', () => {
  it('has something to try', () => expect(blocks.length).toBeGreaterThan(3));

  it.each(blocks)('%s', (block) => {
    expect(dangersOf(parse(block).dkim)).toEqual([]);
  });
});

describe('a key', () => {
  it.each([
    ['pkcs1', 2048, []],
    [
      'of 1024 bits',
      1024,
      [expect.stringContaining('dkim-rsa-2026.pem has 1024 bits only; RFC 8301 asks for 2048')],
    ],
    ['of 1023 bits', 1023, 'holds an RSA key of 1023 bits'],
  ])('%s', (_what, bits, expected) => {
    const files = { '/etc/postern/dkim-rsa-2026.pem': { content: rsaKey(bits) } };
    const given = { keys: [key('rsa-2026')] };
    if (typeof expected === 'string') expect(faultsOf(withDkim(given, files)).join()).toContain(expected);
    else expect(dangersOf(given, files)).toEqual(expected);
  });

  it('that is longer than verifiers must know', () => {
    const files = { '/etc/postern/dkim-rsa-2026.pem': { content: rsaKey(4104) } };
    expect(dangersOf({ keys: [key('rsa-2026')] }, files).join()).toContain('has 4104 bits; beyond 4096');
  });

  it('that everybody may read', () => {
    const file = '/etc/postern/dkim-rsa-2026.pem';
    const files = { [file]: { content: PRIVATE_KEYS.rsa, mode: 0o644 } };
    expect(dangersOf({ keys: [key('rsa-2026')] }, files)).toEqual([
      `dkim.keys[0].privateKey: everyone on this machine may read the private key ${file}, and sign as the domain; chmod o-r it`,
    ]);
  });

  it('of Ed25519 alone is not known everywhere; beside one of RSA that does not matter', () => {
    expect(dangersOf({ keys: [key('rsa-2026', 'example.net'), key('ed-2026')] })).toEqual([
      expect.stringMatching(/^dkim.keys\[1\]: example.org has no RSA key/),
    ]);
    expect(dangersOf({ keys: [key('ed-2026'), key('rsa-2026')] })).toEqual([]);
    expect(dangersOf({ keys: [key('rsa-2026'), key('ed-2026')] })).toEqual([]);
  });

  it('for a domain in its own letters', () => {
    expect(dangersOf({ keys: [key('rsa-2026', 'Grüße.example')] })).toEqual([]);
  });

  it('is read relative to the configuration file', () => {
    const given = { keys: [{ ...key('rsa-2026'), privateKey: 'dkim-rsa-2026.pem' }] };
    expect(settingsOf(withDkim(given)).settings.dkim?.keys[0]?.privateKey).toBe(
      '/etc/postern/dkim-rsa-2026.pem',
    );
  });
});

it('a From that is signed but not sealed is dangerous', () => {
  const given = { keys: [key('rsa-2026')], sealedFields: ['To'], signedFields: ['from'] };
  expect(dangersOf(given)).toEqual([
    expect.stringContaining('dkim.sealedFields: lacks From: somebody may add a second one'),
  ]);
});

it('what is not said is as docs/configuration.md says', () => {
  const { dkim } = settingsOf(withDkim({ keys: [key('rsa-2026')] })).settings;
  expect(dkim).toMatchObject({ spoolFolder: '/var/tmp', maxMemoryBytes: 131_072 });
  expect(dkim?.sealedFields).toContain('From');
});
