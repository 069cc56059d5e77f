// A sound configuration for tests to break, with the files it names held in memory.

import type { FileReading } from '../../../src/config/files.ts';
import { loadSettings } from '../../../src/config/load.ts';

/** The least that starts in the demo: no certificate to make, everything on loopback. */
export const SOUND = `
submission:
  hostname: localhost
  listeners:
    - listen: 127.0.0.1:1587
      tls: starttls
upstream:
  host: 127.0.0.1
  tls: none
authorization:
  issuer: http://localhost:8080
  listen: 127.0.0.1:8080
  identityProvider:
    issuer: https://id.example.org
    clientId: postern
token:
  audience: https://mail.example.org
store:
  sqlite: postern.sqlite
demo:
  identityProvider: 127.0.0.1:8081
  inbox: 127.0.0.1:1025
  folder: data
`;

export interface TestFile {
  readonly content: string;
  readonly mode?: number;
}

export function load(
  text: string,
  more: {
    files?: Readonly<Record<string, TestFile>>;
    environment?: Record<string, string>;
    now?: number;
  } = {},
) {
  const readFile = (path: string): FileReading => {
    const file = more.files?.[path];
    if (file === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return { content: Buffer.from(file.content), mode: file.mode ?? 0o600 };
  };
  return loadSettings({
    text,
    file: '/etc/postern/postern.yaml',
    environment: more.environment ?? {},
    readFile,
    ...(more.now === undefined ? {} : { now: more.now }),
  });
}

/** The faults as `path: message`, for a configuration that must have some. */
export function faultsOf(loaded: ReturnType<typeof load>): string[] {
  if (!('faults' in loaded)) throw new Error('expected faults, but the configuration is sound');
  return loaded.faults.map(({ path, message }) => `${path}: ${message}`);
}

export function settingsOf(loaded: ReturnType<typeof load>) {
  if ('faults' in loaded) throw new Error(`expected no faults: ${JSON.stringify(loaded.faults)}`);
  return loaded;
}
