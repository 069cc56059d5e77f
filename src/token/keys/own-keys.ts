// The public keys of Postern's own issuer, straight from the keyring; no request to ourselves.

import type { KeyObject } from 'node:crypto';
import { type Refusal, refuse } from '../../refusal.ts';
import { shown } from '../shown.ts';
import { type KeySet, readKeySet } from './key-set.ts';
import type { KeySource, WantedKey } from './key-source.ts';
import type { Keyring } from './keyring.ts';

export interface OwnKeysOptions {
  readonly keyring: Keyring;
  /** Milliseconds between two looks into the store for a key that another node may have made. */
  readonly cooldown: number;
  readonly now: () => number;
}

export function createOwnKeys({ keyring, cooldown, now }: OwnKeysOptions): KeySource {
  let keySet = readOwn(keyring);
  let lookedAt: number | undefined;
  let failure: string | undefined;
  const close = keyring.onChange(() => {
    keySet = readOwn(keyring);
  });

  async function find(wanted: WantedKey): Promise<readonly KeyObject[] | Refusal> {
    const held = keySet.find(wanted);
    if (typeof held !== 'string') return held;
    await lookAgain();
    const found = keySet.find(wanted);
    if (typeof found !== 'string') return found;
    if (failure === undefined) return refuse('token-key', found);
    return refuse('issuer-unavailable', `own signing keys can't be read: ${failure}`);
  }

  // Bounded like the fetches from others: tokens with made-up kids must not become load on the store.
  async function lookAgain(): Promise<void> {
    const elapsed = lookedAt === undefined ? cooldown : now() - lookedAt;
    if (elapsed >= 0 && elapsed < cooldown) return;
    lookedAt = now();
    failure = await keyring.tick().then(
      () => undefined,
      (error: unknown) => shown(String(error)),
    );
  }

  return { find, close };
}

function readOwn(keyring: Keyring): KeySet {
  const keySet = readKeySet(keyring.publicJwks());
  if (typeof keySet === 'string') throw new Error(`own signing keys: ${keySet}`);
  return keySet;
}
