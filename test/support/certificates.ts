// A certificate authority and a server certificate for tests: made once a process, in memory, good for an hour.

import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** PEM texts: `ca` for the side that checks, the other two for the side that is checked. */
export interface TestCertificate {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR = 3_600_000;

let made: Promise<TestCertificate> | undefined;

/** Certificate for `localhost` and 127.0.0.1, signed by a CA that nothing else trusts. */
export function testCertificate(): Promise<TestCertificate> {
  made ??= makeCertificate();
  return made;
}

async function makeCertificate(): Promise<TestCertificate> {
  const authorityKeys = await makeKeys();
  const serverKeys = await makeKeys();
  const authority = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Postern test CA',
    ...validity(),
    keys: authorityKeys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      await SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const server = await signServer({ authority, authorityKeys, serverKeys });
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', serverKeys.privateKey));
  return {
    ca: authority.toString('pem'),
    certificate: server.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----\n`,
  };
}

async function signServer(given: {
  authority: X509Certificate;
  authorityKeys: webcrypto.CryptoKeyPair;
  serverKeys: webcrypto.CryptoKeyPair;
}): Promise<X509Certificate> {
  return await X509CertificateGenerator.create({
    serialNumber: '02',
    subject: 'CN=localhost',
    issuer: given.authority.subject,
    ...validity(),
    publicKey: given.serverKeys.publicKey,
    signingKey: given.authorityKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
      await AuthorityKeyIdentifierExtension.create(given.authorityKeys.publicKey),
    ],
  });
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function validity(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - HOUR), notAfter: new Date(Date.now() + HOUR) };
}
