// An app that proves itself with a key of its own (private_key_jwt): its key pair, and its settings with the public half in a file.

import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientSettings } from '../../src/authorization/settings.ts';

export interface KeyedApp {
  readonly settings: ClientSettings;
  /** P-256, named `k1` in the file. */
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  remove(): Promise<void>;
}

export async function makeKeyedApp(): Promise<KeyedApp> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const folder = await mkdtemp(join(tmpdir(), 'postern-app-'));
  const jwks = join(folder, 'jwks.json');
  await writeFile(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] }));
  return {
    settings: { clientId: 'keyed-app', jwks, redirectUris: [], sendAs: ['keyed@example.org'] },
    publicKey,
    privateKey,
    remove: () => rm(folder, { recursive: true }),
  };
}
