// Owns the keys that sign cookies: random, made once, kept with the rest of the state so that a restart signs nobody out.

import { randomBytes } from 'node:crypto';
import type { ArtifactStore } from './stores.ts';

const MODEL = 'CookieKeys';
const ID = 'current';

/** The signing keys, made at the first start. */
export async function openCookieKeys(artifacts: ArtifactStore): Promise<string[]> {
  const kept = await readKeys(artifacts);
  if (kept !== undefined) return kept;
  await artifacts.put(MODEL, ID, {
    payload: JSON.stringify([randomBytes(32).toString('base64url')]),
    grantId: undefined,
    uid: undefined,
    userCode: undefined,
    expiresAt: undefined,
  });
  // Read back: where several nodes start for the first time together, the last one to write decides.
  const written = await readKeys(artifacts);
  if (written === undefined) throw new Error('the store did not keep the cookie keys');
  return written;
}

async function readKeys(artifacts: ArtifactStore): Promise<string[] | undefined> {
  const kept = await artifacts.find(MODEL, ID, Math.floor(Date.now() / 1000));
  return kept && (JSON.parse(kept.payload) as string[]);
}
