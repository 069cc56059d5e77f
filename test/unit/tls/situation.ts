// Files, keys and clocks for the tests of TLS.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { StoredTicketKey, TicketKeyStore } from '../../../src/tls/ticket-key-store.ts';
import type { Issued } from '../../support/certificate-maker.ts';

/** A store in memory, which several "processes" may share. */
export function memoryTicketKeys(): TicketKeyStore & { rows: StoredTicketKey[] } {
  const rows: StoredTicketKey[] = [];
  return {
    rows,
    async listLive(now) {
      return rows.filter(({ expiresAt }) => expiresAt > now).sort((a, b) => a.startsAt - b.startsAt);
    },
    async addMissing(keys) {
      for (const key of keys) if (!rows.some(({ startsAt }) => startsAt === key.startsAt)) rows.push(key);
    },
    async removeExpired(now) {
      const before = rows.length;
      rows.splice(0, rows.length, ...rows.filter(({ expiresAt }) => expiresAt > now));
      return before - rows.length;
    },
  };
}

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a pair and gives its paths. */
export function writePair(folder: string, name: string, { certificate, key }: Issued) {
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
  writeFileSync(files.certificate, certificate);
  writeFileSync(files.key, key, { mode: 0o600 });
  return files;
}

/** News of certificates, as told. */
export function listen() {
  const told: { event: 'reloaded' | 'failed' | 'expires'; file: string; reason?: string }[] = [];
  return {
    told,
    onReloaded: ({ file }: { file: string }) => void told.push({ event: 'reloaded', file }),
    onFailed: ({ file, reason }: { file: string; reason: string }) =>
      void told.push({ event: 'failed', file, reason }),
    onExpires: ({ file }: { file: string }) => void told.push({ event: 'expires', file }),
    onFault: (error: unknown) => {
      throw error;
    },
  };
}
