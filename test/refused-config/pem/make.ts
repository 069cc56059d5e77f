// Made the PEM files beside it, once: `node test/refused-config/pem/make.ts`. They are committed, so that messages stay the same.

import 'reflect-metadata';
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
const key = await toKeyObject(keys.privateKey);
const other = await toKeyObject(
  (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])).privateKey,
);
const certificate = await X509CertificateGenerator.createSelfSigned({
  serialNumber: '01',
  name: 'CN=TEST ONLY mail.example.org',
  notBefore: new Date('2020-01-01T00:00:00Z'),
  notAfter: new Date('2120-01-01T00:00:00Z'),
  keys,
  signingAlgorithm: ALGORITHM,
  extensions: [
    new BasicConstraintsExtension(false, undefined, true),
    new SubjectAlternativeNameExtension([{ type: 'dns', value: 'mail.example.org' }]),
  ],
});
const certificateText = `${certificate.toString('pem').trim()}\n`;
const keyText = String(key.export({ format: 'pem', type: 'pkcs8' }));

write('certificate.pem', 'a certificate for mail.example.org', certificateText);
write('key.pem', 'the key of certificate.pem', keyText);
write(
  'other-key.pem',
  'a key that belongs to no certificate',
  String(other.export({ format: 'pem', type: 'pkcs8' })),
);
write(
  'encrypted-key.pem',
  'the key of certificate.pem, its passphrase is "test"',
  String(key.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'test' })),
);
write(
  'ed25519-key.pem',
  'a key of Ed25519',
  String(generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })),
);
write(
  'short-rsa-key.pem',
  'an RSA key of 512 bits',
  String(
    generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
  ),
);
write('cut-off-certificate.pem', 'a certificate that lost its middle', withoutLines(certificateText, 4, 7));
write('cut-off-key.pem', 'a key that lost its end', withoutLines(keyText, 2, 9));

async function toKeyObject(given: Parameters<typeof crypto.subtle.exportKey>[1]): Promise<KeyObject> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', given));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function withoutLines(text: string, from: number, to: number): string {
  return text
    .split('\n')
    .filter((_, index) => index < from || index >= to)
    .join('\n');
}

function write(name: string, what: string, pem: string): void {
  const note = `TEST ONLY: ${what}. It is published and protects nothing.\n`;
  writeFileSync(new URL(name, import.meta.url), `${note + pem.trimEnd()}\n`);
}
