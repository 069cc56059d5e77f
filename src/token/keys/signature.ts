// The signature of one token (RFC 7515 §5.2): which key it asks for, and whether one of these has made it.

import { hash, type KeyObject } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import { type Refusal, refuse } from '../../refusal.ts';
import type { WantedKey } from './key-source.ts';

export interface Signature {
  readonly wanted: WantedKey;
  isBy(keys: readonly KeyObject[]): Promise<boolean>;
  /** Tells the token from all others; a hash, so that who reads the memory of the process finds no tokens. */
  id(): string;
}

export function signatureOf(token: string, wanted: WantedKey): Signature {
  return {
    wanted,
    isBy: (keys) => isSigned(token, keys, wanted.alg),
    id: () => hash('sha256', token, 'base64'),
  };
}

/** What is said of a signature that surely is none of the issuer's. */
export function unsigned({ alg }: WantedKey): Refusal {
  return refuse('token-signature', `the ${alg} signature fits no key of the issuer`);
}

async function isSigned(token: string, keys: readonly KeyObject[], alg: string): Promise<boolean> {
  for (const key of keys) {
    try {
      await compactVerify(token, key, { algorithms: [alg] });
      return true;
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
    }
  }
  return false;
}
