// Certificates with one fault each, made in memory: expired, for another name, weak, from nobody that is trusted.

import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  type Extension,
  type JsonGeneralNames,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { TestCertificate } from './certificates.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const RSA = { name: 'RSASSA-PKCS1-v1_5', publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' };

export interface CertificateFault {
  /** Hours from now. */
  readonly validFrom?: number;
  readonly validTo?: number;
  /** None where empty. */
  readonly names?: JsonGeneralNames;
  readonly rsaBits?: number;
  /** Of the signature. */
  readonly hash?: 'SHA-1';
}

const LOCALHOST: JsonGeneralNames = [
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
];

/** For localhost and a year, but for the fault; signed by a CA of its own, whose PEM comes with it. */
export async function faultyCertificate(fault: CertificateFault = {}): Promise<TestCertificate> {
  const { validFrom = -1, validTo = 365 * 24, names = LOCALHOST, rsaBits, hash } = fault;
  const algorithm = rsaBits === undefined ? EC : { ...RSA, modulusLength: rsaBits };
  const authorityAlgorithm = hash === undefined ? EC : { ...RSA, modulusLength: 2048, hash };
  const authorityKeys = await crypto.subtle.generateKey(authorityAlgorithm, true, ['sign', 'verify']);
  const serverKeys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const authority = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Postern faulty CA',
    notBefore: new Date(Date.now() - 1000 * DAY),
    notAfter: new Date(Date.now() + 1000 * DAY),
    keys: authorityKeys,
    signingAlgorithm: authorityAlgorithm,
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  const extensions: Extension[] = [new BasicConstraintsExtension(false, undefined, true)];
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names));
  const server = await X509CertificateGenerator.create({
    serialNumber: '02',
    subject: 'CN=localhost',
    issuer: authority.subject,
    notBefore: new Date(Date.now() + validFrom * HOUR),
    notAfter: new Date(Date.now() + validTo * HOUR),
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: authorityAlgorithm,
    extensions,
  });
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', serverKeys.privateKey));
  return {
    ca: authority.toString('pem'),
    certificate: server.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----\n`,
  };
}
