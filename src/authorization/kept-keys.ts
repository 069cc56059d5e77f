// Owns the keys that sign what others keep for us, cookies and identifiers of programs: random, made once, kept with the rest
// of the state so that a restart signs nobody out and every program stays known.

import { randomBytes } from 'node:crypto';
import type { ArtifactStore } from './stores.ts';

const ID = 'current';

/** The keys that sign cookies, made at the first start. */
export function openCookieKeys(artifacts: ArtifactStore): Promise<string[]> {
  return openKeys(artifacts, 'CookieKeys');
}

/** The keys that sign identifiers of programs that registered themselves; the first one signs. */
export function openIdentifierKeys(artifacts: ArtifactStore): Promise<string[]> {
  return openKeys(artifacts, 'ClientIdentifierKeys');
}

async function openKeys(artifacts: ArtifactStore, model: string): Promise<string[]> {
  const kept = await readKeys(artifacts, model);
  if (kept !== undefined) return kept;
  await artifacts.put(model, ID, {
    payload: JSON.stringify([randomBytes(32).toString('base64url')]),
    grantId: undefined,
    uid: undefined,
    userCode: undefined,
    expiresAt: undefined,
  });
  // Read back: where several nodes start for the first time together, the last one to write decides.
  const written = await readKeys(artifacts, model);
  if (written === undefined) throw new Error('the store did not keep the keys');
  return written;
}

async function readKeys(artifacts: ArtifactStore, model: string): Promise<string[] | undefined> {
  const kept = await artifacts.find(model, ID, Math.floor(Date.now() / 1000));
  return kept && (JSON.parse(kept.payload) as string[]);
}
