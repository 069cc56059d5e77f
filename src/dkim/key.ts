// Owns the reading of a private key that signs: which algorithm it is for, and whether verifiers will take it.

import { createPrivateKey, type KeyObject } from 'node:crypto';

export interface PrivateKey {
  readonly key: KeyObject;
  /** As in the `a=` of a signature. */
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
  /** Length of an RSA key; undefined for Ed25519. */
  readonly bits: number | undefined;
}

/** RFC 8301 §3.2: signers MUST use at least 1024 bits. */
const LEAST_BITS = 1024;

/**
 * @param pem PKCS #8, or PKCS #1 for RSA
 * @param file for the message
 * @returns the key, or what is wrong with it, in words that hold nothing of it
 */
export function readPrivateKey(pem: string, file: string): PrivateKey | string {
  const key = parse(pem);
  if (key === undefined) return `${file} ${whyNoKey(pem)}`;
  if (key.asymmetricKeyType === 'ed25519') return { key, algorithm: 'ed25519-sha256', bits: undefined };
  if (key.asymmetricKeyType !== 'rsa') {
    return `${file} holds a key of kind ${key.asymmetricKeyType}; DKIM knows RSA and Ed25519 (RFC 8301, RFC 8463)`;
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < LEAST_BITS) {
    return `${file} holds an RSA key of ${bits} bits; no verifier may take less than ${LEAST_BITS} (RFC 8301 §3.2), so make one of 2048`;
  }
  return { key, algorithm: 'rsa-sha256', bits };
}

function parse(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // The library's own message is left out: it may quote what stands in the file.
    return undefined;
  }
}

function whyNoKey(pem: string): string {
  if (/BEGIN ENCRYPTED|4,ENCRYPTED/.test(pem))
    return 'is encrypted with a passphrase; store it decrypted, readable to Postern only';
  if (/BEGIN [A-Z ]*PRIVATE KEY/.test(pem)) return 'holds a private key that cannot be read; is it cut off?';
  if (/BEGIN [A-Z ]*PUBLIC KEY/.test(pem))
    return 'holds a public key; that one goes into DNS, the private key is needed here';
  return 'holds no private key in PEM form (it begins with -----BEGIN PRIVATE KEY-----)';
}
