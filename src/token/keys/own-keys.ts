// The public keys of Postern's own issuer, straight from the keyring; no request to ourselves.

import { type Refusal, refuse } from '../../refusal.ts';
import { shown } from '../shown.ts';
import { type KeySet, readKeySet } from './key-set.ts';
import type { KeySource } from './key-source.ts';
import type { Keyring } from './keyring.ts';
import { type Signature, unsigned } from './signature.ts';

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

  // Names are thumbprints of the keys (keyring.ts): one that is known says which key it is, and never another.
  async function check(signature: Signature): Promise<Refusal | undefined> {
    const { wanted } = signature;
    let found = keySet.find(wanted);
    if (typeof found === 'string') {
      await lookAgain();
      found = keySet.find(wanted);
    }
    if (typeof found !== 'string') return (await signature.isBy(found)) ? undefined : unsigned(wanted);
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

  return { check, close };
}

function readOwn(keyring: Keyring): KeySet {
  const keySet = readKeySet(keyring.publicJwks());
  if (typeof keySet === 'string') throw new Error(`own signing keys: ${keySet}`);
  return keySet;
}
