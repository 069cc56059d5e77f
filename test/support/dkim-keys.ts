// Keys that sign for Postern in tests: PEM, and the public ones by selector.

import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DkimSettings } from '../../src/dkim/settings.ts';

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ED25519 = generateKeyPairSync('ed25519');

export const PRIVATE_KEYS = { rsa: pem(RSA.privateKey), ed: pem(ED25519.privateKey) };
/** By selector; the selectors are `rsa` and `ed`. */
export const PUBLIC_KEYS: Readonly<Record<'rsa' | 'ed', KeyObject>> = {
  rsa: RSA.publicKey,
  ed: ED25519.publicKey,
};

/** What stands in DNS as TXT (RFC 6376 §3.6.1, RFC 8463 §4.2). */
export const DNS_RECORDS: Readonly<Record<'rsa' | 'ed', string>> = {
  rsa: `v=DKIM1; k=rsa; p=${RSA.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  ed: `v=DKIM1; k=ed25519; p=${ED25519.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`,
};

/** Settings as they are without a word from the operator, with both keys for example.org. The folder is the caller's to remove. */
export function dkimSettings(changes: Partial<DkimSettings> = {}): {
  settings: DkimSettings;
  remove: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'postern-dkim-'));
  const keys = (['rsa', 'ed'] as const).map((selector) => {
    const privateKey = join(folder, `${selector}.pem`);
    writeFileSync(privateKey, PRIVATE_KEYS[selector], { mode: 0o600 });
    return { domain: 'example.org', selector, privateKey };
  });
  return {
    settings: {
      keys,
      sealedFields: ['From', 'To', 'Cc', 'Subject', 'Date', 'Message-ID'],
      signedFields: ['References', 'List-Id'],
      maxMemoryBytes: 131_072,
      spoolFolder: join(folder, 'spool'),
      maxSpoolBytes: 100_000_000,
      ...changes,
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
