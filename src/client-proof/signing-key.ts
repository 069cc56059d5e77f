// Owns the private key that assertions are signed with: whether it can be used, by which algorithm, how peers know it.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

export interface SigningKey {
  readonly key: KeyObject;
  readonly algorithm: string;
  /** How the peer finds the public key: `kid`, `x5t#S256`. */
  readonly header: Readonly<Record<string, string>>;
}

export interface KeyFault {
  readonly concerns: 'key' | 'certificate';
  /** For the operator; holds nothing of the key. */
  readonly message: string;
}

/** PEM texts in. */
export function readSigningKey(given: {
  readonly key: string;
  readonly certificate?: string | undefined;
  readonly keyId?: string | undefined;
}): SigningKey | KeyFault {
  const key = readKey(given.key);
  if (typeof key === 'string') return { concerns: 'key', message: key };
  const byCertificate = given.certificate !== undefined;
  const algorithm = algorithmFor(key, byCertificate);
  if (algorithm === undefined) {
    return { concerns: 'key', message: 'must be RSA of 2048 bits or more, P-256, P-384 or Ed25519' };
  }
  const kid = given.keyId === undefined ? {} : { kid: given.keyId };
  if (given.certificate === undefined) return { key, algorithm, header: kid };
  const certificate = readCertificate(given.certificate);
  if (typeof certificate === 'string') return { concerns: 'certificate', message: certificate };
  if (!certificate.checkPrivateKey(key)) {
    return {
      concerns: 'certificate',
      message: 'does not belong to clientKey; the certificate of that key must come first in the file',
    };
  }
  // RFC 7515 §4.1.8.
  const thumbprint = Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
  return { key, algorithm, header: { ...kid, 'x5t#S256': thumbprint } };
}

export function isKeyFault(value: SigningKey | KeyFault): value is KeyFault {
  return 'concerns' in value;
}

function algorithmFor(key: KeyObject, byCertificate: boolean): string | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      if (modulusLength < 2048) return undefined;
      // Microsoft Entra ID, "Certificate credentials": PS256 goes with x5t#S256. Everybody else takes RS256.
      return byCertificate ? 'PS256' : 'RS256';
    case 'ec':
      return { prime256v1: 'ES256', secp384r1: 'ES384' }[namedCurve ?? ''];
    case 'ed25519':
      return 'EdDSA';
    default:
      return undefined;
  }
}

function readKey(text: string): KeyObject | string {
  try {
    return createPrivateKey(text);
  } catch {
    // The library's own message is left out: it may quote what stands in the file.
    if (/BEGIN ENCRYPTED|4,ENCRYPTED/.test(text)) {
      return 'is encrypted with a passphrase; store it decrypted, readable to Postern only';
    }
    return /BEGIN [A-Z ]*PRIVATE KEY/.test(text)
      ? 'holds a private key that cannot be read; is it cut off?'
      : 'holds no private key in PEM form (it begins with -----BEGIN PRIVATE KEY-----)';
  }
}

function readCertificate(text: string): X509Certificate | string {
  try {
    return new X509Certificate(text);
  } catch {
    return 'holds no certificate in PEM form (it begins with -----BEGIN CERTIFICATE-----)';
  }
}
