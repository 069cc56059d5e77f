// Makes authorities and the certificates of apps octet by octet, also such as no sound authority would issue.

import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  X509CertificateGenerator,
} from '@peculiar/x509';

const HOUR = 3_600_000;
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const RSA = { name: 'RSASSA-PKCS1-v1_5', publicExponent: new Uint8Array([1, 0, 1]) };
export const ALGORITHMS = {
  ec: EC,
  rsa: { ...RSA, hash: 'SHA-256', modulusLength: 2048 },
  'rsa-short': { ...RSA, hash: 'SHA-256', modulusLength: 1024 },
  'rsa-sha1': { ...RSA, hash: 'SHA-1', modulusLength: 2048 },
  'pss-sha256': { ...RSA, name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32, modulusLength: 2048 },
  'pss-sha1': { ...RSA, name: 'RSA-PSS', hash: 'SHA-1', saltLength: 20, modulusLength: 2048 },
  ed25519: { name: 'Ed25519' },
};
export type Algorithm = keyof typeof ALGORITHMS;

export interface AppCertificateWanted {
  /** DER of a Name, or a text that the generator reads. */
  readonly subject?: Buffer | string;
  /** Entries of subjectAltName. */
  readonly names?: readonly Buffer[];
  readonly purposes?: readonly string[] | 'none';
  /** `none`: nothing is said of usages. */
  readonly usages?: number | 'none';
  readonly isAuthority?: boolean;
  readonly more?: readonly Extension[];
  /** Hours from now. */
  readonly from?: number;
  readonly to?: number;
  readonly algorithm?: Algorithm;
  /** Another than the name of who signs. */
  readonly issuer?: string;
}

export interface AppCertificate {
  /** PEM texts. */
  readonly certificate: string;
  readonly key: string;
  /** Issues others, be it that it must not. */
  issue(wanted?: AppCertificateWanted): Promise<AppCertificate>;
}

export async function makeAppAuthority(
  wanted: AppCertificateWanted & { readonly name?: string } = {},
): Promise<AppCertificate> {
  const { name = 'Apps', algorithm = 'ec' } = wanted;
  const keys = await makeKeys(algorithm);
  const own = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name}`,
    ...dates(wanted),
    keys,
    signingAlgorithm: ALGORITHMS[algorithm],
    extensions: [
      ...(wanted.isAuthority === false ? [] : [new BasicConstraintsExtension(true, undefined, true)]),
      ...(wanted.usages === 'none'
        ? []
        : [new KeyUsagesExtension(wanted.usages ?? KeyUsageFlags.keyCertSign, true)]),
      ...(wanted.more ?? []),
    ],
  });
  return await holder({ certificate: own.toString('pem'), issuer: own.subjectName, keys, algorithm });
}

async function holder(given: {
  certificate: string;
  issuer: Name;
  keys: webcrypto.CryptoKeyPair;
  algorithm: Algorithm;
}): Promise<AppCertificate> {
  const { issuer, keys, algorithm } = given;
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    certificate: `${given.certificate}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${(der.match(/.{1,64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`,
    async issue(wanted = {}) {
      const own = await makeKeys(wanted.algorithm ?? 'ec');
      const subject = wanted.subject ?? 'CN=app';
      const made = await X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: new Name(subject),
        issuer: wanted.issuer === undefined ? issuer : new Name(wanted.issuer),
        ...dates(wanted),
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHMS[algorithm],
        extensions: extensionsOf(wanted),
      });
      return await holder({
        certificate: made.toString('pem'),
        issuer: made.subjectName,
        keys: own,
        algorithm: wanted.algorithm ?? 'ec',
      });
    },
  };
}

function extensionsOf(wanted: AppCertificateWanted): Extension[] {
  const { purposes = [ExtendedKeyUsage.clientAuth], usages = KeyUsageFlags.digitalSignature } = wanted;
  return [
    new BasicConstraintsExtension(wanted.isAuthority === true, undefined, true),
    ...(usages === 'none' ? [] : [new KeyUsagesExtension(usages, true)]),
    ...(purposes === 'none' ? [] : [new ExtendedKeyUsageExtension([...purposes])]),
    ...(wanted.names ? [new Extension('2.5.29.17', false, der(0x30, ...wanted.names))] : []),
    ...(wanted.more ?? []),
  ];
}

/** One element of DER. */
export function der(tag: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const value = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length =
    value.length < 0x80
      ? [value.length]
      : value.length < 0x100
        ? [0x81, value.length]
        : [0x82, value.length >> 8, value.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), value]);
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  CN: '550403',
  C: '550406',
  O: '55040a',
  OU: '55040b',
  DC: '0992268993f22c640119',
  emailAddress: '2a864886f70d010901',
};

/** The identifier octets of the kinds of text. */
export const TEXT = { utf8: 0x0c, printable: 0x13, t61: 0x14, ia5: 0x16, bmp: 0x1e };

/** `[type, value, kind of text]`. */
export type TestAttribute = readonly [string, string | Buffer, number?];

/** DER of a Name: sets of attributes, the most general one first. */
export function testName(...sets: readonly (readonly TestAttribute[])[]): Buffer {
  const attribute = ([type, value, tag = TEXT.utf8]: TestAttribute) =>
    der(0x30, der(0x06, Buffer.from(ATTRIBUTES[type] ?? '', 'hex')), der(tag, value));
  return der(0x30, ...sets.map((set) => der(0x31, ...set.map(attribute).sort(Buffer.compare))));
}

/** Entries of subjectAltName. */
export const alternative = {
  email: (value: string | Buffer) => der(0x81, value),
  dns: (value: string | Buffer) => der(0x82, value),
  uri: (value: string | Buffer) => der(0x86, value),
  ip: (...octets: readonly number[]) => der(0x87, Buffer.from(octets)),
};

function dates({ from = -1, to = 1000 }: AppCertificateWanted): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() + from * HOUR), notAfter: new Date(Date.now() + to * HOUR) };
}

async function makeKeys(algorithm: Algorithm): Promise<webcrypto.CryptoKeyPair> {
  return (await crypto.subtle.generateKey(ALGORITHMS[algorithm], true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets. */
function serialNumber(): string {
  return `01${randomBytes(15).toString('hex')}`;
}
