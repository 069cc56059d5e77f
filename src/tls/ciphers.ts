// Owns which cipher suites are taken, and the judgement of a list that an operator wrote.

import { createSecureContext, getCiphers } from 'node:tls';

const TLS_1_3 = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];

// RFC 9325 §4.2: forward secrecy and authenticated encryption only.
const TLS_1_2 = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];

/** The list for a context. @param configured as the operator wrote it, in OpenSSL's form */
export function cipherList(configured?: string): string {
  if (configured === undefined) return [...TLS_1_3, ...TLS_1_2].join(':');
  // OpenSSL's lists say nothing of TLS 1.3; Node takes that for the wish not to speak it.
  return namesTls13(configured) ? configured : [...TLS_1_3, configured].join(':');
}

export interface CipherJudgement {
  /** OpenSSL finds nothing in it that it could use. */
  readonly isEmpty: boolean;
  /** It lets in suites that encrypt nothing, or do without a certificate. */
  readonly isOpen: boolean;
  /** Those without forward secrecy or authenticated encryption (RFC 9325 §4.2). */
  readonly weak: readonly string[];
}

/** Asks OpenSSL itself what a list comes to, for its operators (`HIGH`, `!`, `+`, `@`) have a mind of their own. */
export function judgeCiphers(configured: string): CipherJudgement {
  if (!isUsable(configured)) return { isEmpty: true, isOpen: false, weak: [] };
  const list = configured.split(':').filter((name) => !name.startsWith('TLS_'));
  /** Whether anything is left of the list without these names and groups. */
  const holdsMoreThan = (names: readonly string[]): boolean =>
    list.length > 0 && isUsable([...list, ...names.map((name) => `!${name}`)].join(':'));
  const known = getCiphers()
    .map((name) => name.toUpperCase())
    .filter((name) => !name.startsWith('TLS_'));
  const holds = (name: string): boolean =>
    holdsMoreThan([...known.filter((other) => other !== name), ...NOT_OF_NODE, ...OPEN]);
  return {
    isEmpty: false,
    isOpen: holdsMoreThan(WITH_CERTIFICATE) || holdsMoreThan(WITH_ENCRYPTION),
    weak: [
      ...known.filter((name) => !isStrong(name) && holds(name)),
      ...(holdsMoreThan([...known, ...OPEN, 'ECDHE+AESCCM', 'ECDHE+ARIA'])
        ? ['ciphers of earlier days']
        : []),
    ],
  };
}

// Groups of suites in OpenSSL's words (openssl-ciphers(1)).
const OPEN = ['aNULL', 'eNULL'];
const WITH_CERTIFICATE = ['aRSA', 'aECDSA', 'aDSS', 'aPSK', 'SRP', 'aGOST'];
const WITH_ENCRYPTION = ['AES', 'CHACHA20', 'CAMELLIA', 'ARIA', 'SEED', 'IDEA', '3DES', 'DES', 'RC4', 'RC2'];
/** What OpenSSL has and Node does not list. */
const NOT_OF_NODE = ['AESCCM', 'CAMELLIA', 'ARIA', 'SEED', 'IDEA', '3DES', 'DES', 'RC4', 'RC2'];

function isStrong(name: string): boolean {
  return /^ECDHE-(ECDSA|RSA)-.*(GCM|CCM8?|POLY1305)/.test(name);
}

function namesTls13(list: string): boolean {
  return list.split(':').some((name) => name.startsWith('TLS_'));
}

function isUsable(ciphers: string): boolean {
  try {
    createSecureContext({ ciphers, ca: [] });
    return true;
  } catch {
    return false;
  }
}
