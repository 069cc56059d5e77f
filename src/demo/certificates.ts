// Owns the demo's certificate: a CA of this machine's own and a server certificate for localhost, made once and renewed in time.
//
// The CA's key is thrown away when the server certificate is signed: whoever lets a browser trust ca.pem must not have
// to trust a file that can sign for any name. So a renewal makes a new CA too.

import 'reflect-metadata';
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const DAY = 24 * 60 * 60 * 1000;
/** Clients refuse server certificates that live longer than about thirteen months. */
const LIFETIME = 390 * DAY;
const RENEW_BEFORE = 30 * DAY;
/** Clocks of clients in containers and virtual machines lag. */
const BACKDATE = DAY;

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;
const NAMES: x509.JsonGeneralNames = [
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '::1' },
];

/** Paths of PEM files: what clients trust, what the server shows (with its chain), and the key (mode 0600). */
export interface DemoCertificates {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Finds usable certificates in the folder or makes them. @param options.now milliseconds since the epoch */
export async function prepareDemoCertificates(options: {
  readonly folder: string;
  readonly now?: () => number;
}): Promise<DemoCertificates> {
  const now = (options.now ?? Date.now)();
  const files = {
    ca: join(options.folder, 'ca.pem'),
    certificate: join(options.folder, 'cert.pem'),
    key: join(options.folder, 'key.pem'),
  };
  if (await usable(files, now)) {
    return files;
  }
  const made = await makeCertificates(now);
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  await replaceFile(files.key, made.key, 0o600);
  await replaceFile(files.certificate, made.certificate, 0o644);
  await replaceFile(files.ca, made.ca, 0o644);
  return files;
}

/** False for anything missing, unreadable, expiring or not fitting together: it is made anew then. */
async function usable(files: DemoCertificates, now: number): Promise<boolean> {
  try {
    const ca = new X509Certificate(await readFile(files.ca));
    const certificate = new X509Certificate(await readFile(files.certificate));
    return (
      certificate.checkIssued(ca) &&
      certificate.verify(ca.publicKey) &&
      certificate.checkPrivateKey(createPrivateKey(await readFile(files.key))) &&
      certificate.checkHost('localhost') !== undefined &&
      Date.parse(certificate.validFrom) <= now &&
      Date.parse(certificate.validTo) - now > RENEW_BEFORE
    );
  } catch {
    return false;
  }
}

async function makeCertificates(now: number): Promise<DemoCertificates> {
  const caKeys = await crypto.subtle.generateKey(KEY_ALGORITHM, false, ['sign', 'verify']);
  const serverKeys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const life = { notBefore: new Date(now - BACKDATE), notAfter: new Date(now + LIFETIME) };

  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...life,
    serialNumber: serialNumber(),
    // Named by its time: a client that trusted an earlier one can tell the two apart.
    name: `CN=Postern demo CA ${new Date(now).toISOString()}`,
    keys: caKeys,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const server = await x509.X509CertificateGenerator.create({
    ...life,
    serialNumber: serialNumber(),
    subject: 'CN=localhost',
    issuer: ca.subject,
    publicKey: serverKeys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(NAMES),
      await x509.SubjectKeyIdentifierExtension.create(serverKeys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const key = await crypto.subtle.exportKey('pkcs8', serverKeys.privateKey);
  return {
    ca: `${ca.toString('pem')}\n`,
    certificate: `${server.toString('pem')}\n${ca.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n`,
  };
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets. */
function serialNumber(): string {
  return `01${randomBytes(15).toString('hex')}`;
}

/** Whole or not at all: a server that starts meanwhile never reads half a key. */
async function replaceFile(file: string, content: string, mode: number): Promise<void> {
  const temporary = `${file}.new`;
  await rm(temporary, { force: true });
  await writeFile(temporary, content, { mode, flag: 'wx' });
  await rename(temporary, file);
}
