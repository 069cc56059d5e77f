// Checks of TLS for mail clients: certificates and keys present, fitting, in date, for the right name; ciphers; ticket keys.

import { isIP } from 'node:net';
import { judgeCiphers } from '../../tls/ciphers.ts';
import { type Pair, type PairTexts, readCertificates, readPair } from '../../tls/pair.ts';
import type { Place } from '../fault.ts';
import type { CheckInput } from './check.ts';

const TWO_WEEKS = 14 * 86_400_000;
const TLS: Place = ['submission', 'tls'];

export function checkCertificate(input: CheckInput): void {
  const { tls, hostname } = input.settings.submission;
  if (tls === undefined) {
    if (input.settings.demo !== undefined) return;
    input.findings.fault(
      TLS,
      'is missing; mail clients are asked for tokens only under TLS, so give `certificate` and `key`',
    );
    return;
  }
  const first = checkPair(input, TLS, tls);
  if (first !== undefined && !isFor(first, hostname)) {
    input.findings.danger(
      [...TLS, 'certificate'],
      `the certificate is not for ${hostname} (submission.hostname); mail clients will refuse it`,
    );
  }
  const before = new Set(first?.names);
  tls.certificates.forEach((files, index) => {
    const place = [...TLS, 'certificates', index];
    const pair = checkPair(input, place, files);
    if (pair !== undefined) checkUse(input, [...place, 'certificate'], { pair, before });
    for (const name of pair?.names ?? []) before.add(name);
  });
}

export function checkClientAuthorities(input: CheckInput): void {
  const { tls } = input.settings.submission;
  checkAuthorities(input, [...TLS, 'clientAuthorities'], tls?.clientAuthorities);
}

export function checkCiphers({ settings, findings }: CheckInput): void {
  const ciphers = settings.submission.tls?.ciphers;
  if (ciphers === undefined) return;
  const place = [...TLS, 'ciphers'];
  const { isEmpty, isOpen, weak } = judgeCiphers(ciphers);
  if (isEmpty) {
    findings.fault(place, 'OpenSSL can make nothing of it; `openssl ciphers` lists the suites it has');
  } else if (isOpen) {
    findings.fault(
      place,
      'lets in suites without encryption or without a certificate; exclude aNULL and eNULL',
    );
  }
  if (/@SECLEVEL=[01]\b/.test(ciphers)) {
    findings.danger(place, '@SECLEVEL below 2 lets in keys and hashes that can be broken');
  }
  if (weak.length === 0) return;
  const others = weak.length > 3 ? ` and ${weak.length - 3} more` : '';
  findings.danger(
    place,
    `lets in ${weak.slice(0, 3).join(', ')}${others}, without forward secrecy or authenticated encryption (RFC 9325 §4.2)`,
  );
}

const MINUTE = 60_000;
const DAY = 86_400_000;

export function checkSessionTickets({ settings, findings }: CheckInput): void {
  const rotateEvery = settings.submission.tls?.sessionTickets.rotateEvery;
  if (rotateEvery === undefined || (rotateEvery >= 10 * MINUTE && rotateEvery <= 3 * DAY)) return;
  findings.fault(
    [...TLS, 'sessionTickets', 'rotateEvery'],
    // RFC 8446 §4.6.1: no ticket lives longer than a week; RFC 9325 §3.4: nor should its key.
    'must be from 10m to 3d; the key of a ticket is kept for twice as long, and that should not be more than a week',
  );
}

function checkPair(input: CheckInput, place: Place, files: PairTexts): Pair | undefined {
  const certificate = input.readFile(files.certificate).content.toString('utf8');
  const key = input.readFile(files.key);
  if ((key.mode & 0o004) !== 0) {
    input.findings.danger(
      [...place, 'key'],
      `everyone on this machine may read the private key ${files.key}; chmod o-r it`,
    );
  }
  const read = readPair({ certificate, key: key.content.toString('utf8') }, files);
  if ('faults' in read) {
    for (const { concerns, message } of read.faults) input.findings.fault([...place, concerns], message);
    return undefined;
  }
  checkDates(input, [...place, 'certificate'], read);
  return read;
}

function checkDates(input: CheckInput, place: Place, { notBefore, notAfter }: Pair): void {
  const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
  if (notAfter < input.now) {
    input.findings.danger(place, `the certificate expired on ${day(notAfter)}; mail clients will refuse it`);
  } else if (notBefore > input.now) {
    input.findings.danger(place, `the certificate is not valid before ${day(notBefore)}`);
  } else if (notAfter - input.now < TWO_WEEKS) {
    input.findings.danger(place, `the certificate expires on ${day(notAfter)}`);
  }
}

/** A further certificate is shown only to who asks for a name that none before it has. */
function checkUse(
  { findings }: CheckInput,
  place: Place,
  { pair, before }: { pair: Pair; before: ReadonlySet<string> },
): void {
  if (pair.names.length === 0) {
    findings.fault(place, 'the certificate names no host (subjectAltName), so no client would ever see it');
  } else if (pair.names.every((name) => before.has(name))) {
    findings.danger(
      place,
      'every name of the certificate stands in one before it, so no client will ever see it',
    );
  }
}

function checkAuthorities(input: CheckInput, place: Place, file: string | undefined): void {
  if (file === undefined) return;
  const read = readCertificates(input.readFile(file).content.toString('utf8'), file);
  if (typeof read === 'string') input.findings.fault(place, read);
}

function isFor({ leaf }: Pair, hostname: string): boolean {
  return (isIP(hostname) === 0 ? leaf.checkHost(hostname) : leaf.checkIP(hostname)) !== undefined;
}
