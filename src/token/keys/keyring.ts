// The signing keys of Postern's own issuer (ES256): made, rotated and retired on schedule, shared by all nodes through the store.

import { createPrivateKey, generateKeyPair, type JsonWebKey } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint } from 'jose';
import type { TokenSettings } from '../settings.ts';
import type { KeyStore, StoredKey } from './key-store.ts';
import { isKeyDue, type KeySchedule, keySchedule, retiredKeys, signingKey } from './schedule.ts';

export interface Keyring {
  /** The private keys as a JWK Set; the one that signs now comes first, then the newest. For the OAuth server only. */
  privateJwks(): { keys: object[] };
  /** The same keys without their private part, for verification and publication. */
  publicJwks(): { keys: object[] };
  /** Called when a key was added, has taken over or is gone; returns what ends it. */
  onChange(listener: () => void): () => void;
  /** Reads the store, makes a key when one is due, drops retired ones. To be called about every minute; rejects where the store fails. */
  tick(): Promise<void>;
  close(): void;
}

export interface KeyringOptions {
  readonly store: KeyStore;
  readonly settings: TokenSettings['signingKeys'];
  /** Longest life of anything signed, milliseconds. */
  readonly maxTokenLifetime: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** 48 bits of the key's thumbprint: short, for it stands in every token. */
const KEY_ID_LENGTH = 8;

const generateKeys = promisify(generateKeyPair);

/** Makes the first key where the store has none. Rejects where the store can't be read or holds a broken key. */
export async function openKeyring(options: KeyringOptions): Promise<Keyring> {
  const { store, now = Date.now } = options;
  const schedule = keySchedule(options.settings, options.maxTokenLifetime);
  const listeners = new Set<() => void>();
  let jwks: readonly JsonWebKey[] = [];
  let ticking: Promise<void> | undefined;

  async function bringUpToDate(): Promise<void> {
    const keys = await rotate(store, schedule, now());
    const next = inOrderOfUse(keys, schedule, now()).map(toPrivateJwk);
    if (sameKeys(jwks, next)) return;
    jwks = next;
    for (const listener of listeners) listener();
  }

  function tick(): Promise<void> {
    ticking ??= bringUpToDate().finally(() => {
      ticking = undefined;
    });
    return ticking;
  }

  await tick();

  return {
    privateJwks: () => ({ keys: structuredClone([...jwks]) }),
    publicJwks: () => ({ keys: jwks.map(toPublicJwk) }),
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tick,
    close: () => listeners.clear(),
  };
}

/** Brings the store in line with the schedule and returns the keys it then holds, oldest first. */
async function rotate(store: KeyStore, schedule: KeySchedule, now: number): Promise<StoredKey[]> {
  let keys = inOrderOfAge(await store.list());
  if (isKeyDue(keys, now, schedule)) {
    const newest = keys.at(-1);
    // Of many nodes that find a key due at once, the store lets one add it; the others read what that one made.
    await store.addUnlessNewer(await makeKey(now), newest ? newest.createdAt + 1 : 0);
    keys = inOrderOfAge(await store.list());
    if (keys.length === 0) throw new Error('the key store does not keep the key that was added to it');
  }
  const retired = new Set(retiredKeys(keys, now, schedule));
  for (const { id } of retired) await store.remove(id);
  return keys.filter((key) => !retired.has(key));
}

async function makeKey(now: number): Promise<StoredKey> {
  const { privateKey } = await generateKeys('ec', { namedCurve: 'P-256' });
  const jwk = privateKey.export({ format: 'jwk' });
  const thumbprint = await calculateJwkThumbprint(jwk);
  const id = thumbprint.slice(0, KEY_ID_LENGTH);
  return { id, privateJwk: JSON.stringify(jwk), createdAt: Math.floor(now / 1000) };
}

// The id decides between keys of one second, so that all nodes agree.
function inOrderOfAge(keys: readonly StoredKey[]): StoredKey[] {
  return [...keys].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

function inOrderOfUse(keys: readonly StoredKey[], schedule: KeySchedule, now: number): StoredKey[] {
  const signing = signingKey(keys, now, schedule);
  const others = keys.filter((key) => key !== signing).reverse();
  return signing ? [signing, ...others] : others;
}

function toPrivateJwk({ id, privateJwk }: StoredKey): JsonWebKey {
  try {
    const key = createPrivateKey({ key: JSON.parse(privateJwk), format: 'jwk' });
    const { kty, crv, x, y, d } = key.export({ format: 'jwk' });
    if (crv !== 'P-256') throw new Error('not a P-256 key');
    return { kty, crv, x, y, d, kid: id, alg: 'ES256', use: 'sig' } as JsonWebKey;
  } catch {
    // Without the cause: it might quote the key.
    throw new Error(`signing key ${id} in the store is broken; remove it, and a new one is made`);
  }
}

function toPublicJwk({ d: _private, ...publicPart }: JsonWebKey): JsonWebKey {
  return publicPart;
}

function sameKeys(one: readonly JsonWebKey[], other: readonly JsonWebKey[]): boolean {
  return one.length === other.length && one.every((jwk, index) => jwk['kid'] === other[index]?.['kid']);
}
