// Made the files of authorities beside it, once: `node test/refused-config/pem/make-authorities.ts`. They are committed, as those of make.ts.

import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** permittedSubtrees: the DNS name example.org. */
const ONLY_EXAMPLE_ORG = Buffer.from(`3011a00f300d820b${Buffer.from('example.org').toString('hex')}`, 'hex');

await write('authority.pem', 'an authority', []);
await write('limited-authority.pem', 'an authority for certain names', [
  new Extension('2.5.29.30', true, ONLY_EXAMPLE_ORG),
]);
await write('server-authority.pem', 'an authority for servers', [
  new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
]);

async function write(name: string, what: string, more: readonly Extension[]): Promise<void> {
  const authority = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=TEST ONLY ${what}`,
    notBefore: new Date('2020-01-01T00:00:00Z'),
    notAfter: new Date('2120-01-01T00:00:00Z'),
    keys: await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']),
    signingAlgorithm: ALGORITHM,
    extensions: [new BasicConstraintsExtension(true, 0, true), ...more],
  });
  const note = `TEST ONLY: ${what}. It is published and protects nothing.\n`;
  writeFileSync(new URL(name, import.meta.url), `${note}${authority.toString('pem').trim()}\n`);
}
