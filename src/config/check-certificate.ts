// Checks of certificates and keys: present, readable, fitting, in date, for the right name.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { CheckInput } from './checks.ts';

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const TWO_WEEKS = 14 * 86_400_000;

export function checkCertificate(input: CheckInput): void {
  const { tls, hostname } = input.settings.submission;
  if (tls === undefined) {
    if (input.settings.demo !== undefined) return;
    input.findings.fault(
      ['submission', 'tls'],
      'is missing; mail clients are asked for tokens only under TLS, so give `certificate` and `key`',
    );
    return;
  }
  const leaf = readChain(input, ['submission', 'tls', 'certificate'], tls.certificate)?.[0];
  const key = readKey(input, tls.key);
  if (leaf === undefined) return;
  if (key !== undefined && !leaf.checkPrivateKey(key)) {
    input.findings.fault(
      ['submission', 'tls', 'key'],
      'does not belong to the certificate; the server’s own certificate must come first in its file',
    );
  }
  checkDates(input, leaf);
  const covered = isIP(hostname) === 0 ? leaf.checkHost(hostname) : leaf.checkIP(hostname);
  if (covered === undefined) {
    input.findings.danger(
      ['submission', 'tls', 'certificate'],
      `the certificate is not for ${hostname} (submission.hostname); mail clients will refuse it`,
    );
  }
}

export function checkUpstreamAuthorities(input: CheckInput): void {
  const file = input.settings.upstream.ca;
  if (file !== undefined) readChain(input, ['upstream', 'ca'], file);
}

function checkDates(input: CheckInput, leaf: X509Certificate): void {
  const place = ['submission', 'tls', 'certificate'];
  const from = Date.parse(leaf.validFrom);
  const to = Date.parse(leaf.validTo);
  const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
  if (to < input.now) {
    input.findings.danger(place, `the certificate expired on ${day(to)}; mail clients will refuse it`);
  } else if (from > input.now) {
    input.findings.danger(place, `the certificate is not valid before ${day(from)}`);
  } else if (to - input.now < TWO_WEEKS) {
    input.findings.danger(place, `the certificate expires on ${day(to)}`);
  }
}

function readChain(input: CheckInput, place: string[], file: string): X509Certificate[] | undefined {
  const blocks = input.readFile(file).content.toString('latin1').match(BLOCK);
  if (blocks === null) {
    input.findings.fault(
      place,
      `${file} holds no certificate in PEM form (it begins with -----BEGIN CERTIFICATE-----)`,
    );
    return undefined;
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    input.findings.fault(place, `${file} holds a certificate that cannot be read; is it cut off?`);
    return undefined;
  }
}

function readKey(input: CheckInput, file: string): KeyObject | undefined {
  const place = ['submission', 'tls', 'key'];
  const { content, mode } = input.readFile(file);
  if ((mode & 0o004) !== 0) {
    input.findings.danger(place, `everyone on this machine may read the private key ${file}; chmod o-r it`);
  }
  try {
    return createPrivateKey(content);
  } catch {
    // The library's own message is left out: it may quote what stands in the file.
    const text = content.toString('latin1');
    input.findings.fault(place, `${file} ${whyNoKey(text)}`);
    return undefined;
  }
}

function whyNoKey(text: string): string {
  if (/BEGIN ENCRYPTED|4,ENCRYPTED/.test(text))
    return 'is encrypted with a passphrase; store it decrypted, readable to Postern only';
  if (/BEGIN [A-Z ]*PRIVATE KEY/.test(text)) return 'holds a private key that cannot be read; is it cut off?';
  return 'holds no private key in PEM form (it begins with -----BEGIN PRIVATE KEY-----)';
}
