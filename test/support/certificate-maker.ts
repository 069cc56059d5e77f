// Makes certificates as a test wants them: for which names, with which kind of key, from when until when; also for clients.

import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface Issued {
  /** PEM texts. */
  readonly certificate: string;
  readonly key: string;
}

export interface Wanted {
  /** DNS names; none: no subjectAltName at all. */
  readonly names: readonly string[];
  readonly commonName?: string;
  readonly kind?: 'ec' | 'rsa' | 'weak-rsa';
  /** Milliseconds since the epoch; an hour around now where nothing is said. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly usage?: 'server' | 'client';
}

export interface Authority {
  /** PEM text of its own certificate. */
  readonly certificate: string;
  issue(wanted: Wanted): Promise<Issued>;
}

const HOUR = 3_600_000;
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const rsa = (modulusLength: number) => ({
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength,
});
const KINDS = { ec: EC, rsa: rsa(2048), 'weak-rsa': rsa(1024) };

export async function makeAuthority(name = 'Test authority'): Promise<Authority> {
  const keys = await makeKeys('ec');
  const own = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - HOUR),
    notAfter: new Date(Date.now() + 1000 * HOUR),
    keys,
    signingAlgorithm: EC,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });

  async function issue(wanted: Wanted): Promise<Issued> {
    const { names, kind = 'ec', usage = 'server' } = wanted;
    const { privateKey, publicKey } = await makeKeys(kind);
    const alternatives = names.map((value): JsonGeneralName => ({ type: 'dns', value }));
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: `CN=${wanted.commonName ?? names[0] ?? 'nobody'}`,
      issuer: own.subject,
      notBefore: new Date(wanted.notBefore ?? Date.now() - HOUR),
      notAfter: new Date(wanted.notAfter ?? Date.now() + 1000 * HOUR),
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: EC,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new ExtendedKeyUsageExtension([
          usage === 'client' ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth,
        ]),
        ...(alternatives.length > 0 ? [new SubjectAlternativeNameExtension(alternatives)] : []),
      ],
    });
    const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', privateKey)).toString('base64');
    return {
      certificate: `${certificate.toString('pem')}\n`,
      key: `-----BEGIN PRIVATE KEY-----\n${(der.match(/.{1,64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`,
    };
  }

  return { certificate: `${own.toString('pem')}\n`, issue };
}

async function makeKeys(kind: keyof typeof KINDS): Promise<webcrypto.CryptoKeyPair> {
  return await crypto.subtle.generateKey(KINDS[kind], true, ['sign', 'verify']);
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets. */
function serialNumber(): string {
  return `01${randomBytes(15).toString('hex')}`;
}
