// Owns what is read from a TLS connection: version, cipher, the certificates as the server sends them.

import type { KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { domainToASCII } from 'node:url';

export interface TlsFacts {
  /** Such as `TLSv1.3`. */
  readonly protocol: string;
  /** IANA's name. */
  readonly cipher: string;
  readonly forwardSecrecy: boolean;
  /** Whether the chain leads to an authority that is trusted here; OpenSSL's reason where not. */
  readonly trusted: boolean;
  readonly trustError: string | null;
  /** Whether the first certificate is for the host that was asked for (RFC 9525). */
  readonly namesHost: boolean;
  /** The server's own first, then its issuers as far as it sends them. */
  readonly certificates: readonly CertificateFacts[];
}

export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  /** Hosts and addresses of subjectAltName. */
  readonly names: readonly string[];
  /** ISO 8601. */
  readonly validFrom: string;
  readonly validTo: string;
  /** Whole days, rounded down; below zero once it has expired. */
  readonly daysLeft: number;
  readonly key: KeyFacts;
  /** Such as `ecdsa-with-SHA256`; null where this Node cannot tell. */
  readonly signature: string | null;
  /** Signed with its own key: nobody relies on that signature. */
  readonly selfSigned: boolean;
  /** SHA-256. */
  readonly fingerprint: string;
}

export interface KeyFacts {
  /** `rsa`, `ec`, `ed25519`, … */
  readonly type: string;
  readonly bits: number | null;
  readonly curve: string | null;
}

/** No server needs more; a hostile one sends more. */
const MAX_CHAIN = 10;
const MAX_NAMES = 100;
const DAY = 86_400_000;

/** @param given.now milliseconds since the epoch */
export function readTlsFacts(given: { socket: TLSSocket; host: string; now: number }): TlsFacts {
  const { socket, host, now } = given;
  const cipher = socket.getCipher();
  const protocol = socket.getProtocol() ?? 'unknown';
  const chain = readChain(socket.getPeerX509Certificate());
  const [own] = chain;
  return {
    protocol,
    cipher: cipher?.standardName ?? cipher?.name ?? 'unknown',
    forwardSecrecy: protocol === 'TLSv1.3' || /^TLS_(EC)?DHE_/.test(cipher?.standardName ?? ''),
    trusted: socket.authorized,
    trustError: socket.authorized ? null : errorCode(socket.authorizationError),
    namesHost: own !== undefined && isFor(own, host),
    certificates: chain.map((certificate) => readCertificate(certificate, now)),
  };
}

export function readCertificate(certificate: X509Certificate, now: number): CertificateFacts {
  const validTo = new Date(certificate.validTo);
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: namesOf(certificate),
    validFrom: new Date(certificate.validFrom).toISOString(),
    validTo: validTo.toISOString(),
    daysLeft: Math.floor((validTo.getTime() - now) / DAY),
    key: keyFacts(certificate.publicKey),
    signature: certificate.signatureAlgorithm ?? null,
    selfSigned: certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey),
    fingerprint: certificate.fingerprint256,
  };
}

/** RFC 9525 §6: by subjectAltName alone; what stands in the subject's CN counts no longer. */
function isFor(certificate: X509Certificate, host: string): boolean {
  if (isIP(host)) return certificate.checkIP(host) !== undefined;
  const name = domainToASCII(host) || host;
  return certificate.checkHost(name, { subject: 'never', partialWildcards: false }) !== undefined;
}

function readChain(first: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let each = first; each !== undefined && chain.length < MAX_CHAIN; each = each.issuerCertificate) {
    chain.push(each);
  }
  return chain;
}

function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g)]
    .map(([, name = '']) => name)
    .slice(0, MAX_NAMES);
}

function keyFacts(key: KeyObject): KeyFacts {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType ?? 'unknown';
  return { type, bits: modulusLength ?? bitsOf(namedCurve ?? type), curve: namedCurve ?? null };
}

function bitsOf(curve: string): number | null {
  const digits = /(\d{3})/.exec(curve)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** One line a part is how Node writes a name. */
function oneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}

/** Node's type says Error, and a text comes. */
function errorCode(error: Error | string | undefined): string {
  if (typeof error === 'string') return error;
  return (error as NodeJS.ErrnoException | undefined)?.code ?? error?.message ?? 'unknown';
}
