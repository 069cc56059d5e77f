// Owns who may vouch for a client (RFC 8705 §2.1): the authorities an operator names, and whether one of them issued a certificate.

import type { X509Certificate } from 'node:crypto';
import { readCertificates } from '../../tls/pair.ts';
import { type CertificateContents, readContents } from './contents.ts';
import { readName, spellName } from './distinguished-name.ts';

/**
 * Each signs the certificates of clients itself. There are no chains: of a longer one the last authority is named here, since no proxy
 * hands over more than the client's own certificate in the same way.
 */
export type Authorities = readonly X509Certificate[];

/** Each is tried in turn. */
const MAX_AUTHORITIES = 100;

/** Of a PEM text, or what is wrong with it, in words for the operator. */
export function readAuthorities(text: string, file: string): Authorities | string {
  const read = readCertificates(text, file);
  if (typeof read === 'string') return read;
  if (read.length > MAX_AUTHORITIES) return `${file} holds more than ${MAX_AUTHORITIES} certificates`;
  const faults = read.flatMap((certificate) => faultOfAuthority(certificate) ?? []);
  return faults[0] === undefined ? read : `${file}: ${faults[0]}`;
}

function faultOfAuthority(certificate: X509Certificate): string | undefined {
  const contents = readContents(certificate.raw);
  if (contents === undefined) return 'holds a certificate that cannot be read beyond doubt';
  const who = `the certificate of "${spellName(readName(contents.subject))}"`;
  // OpenSSL's judgement: basicConstraints CA:TRUE, and keyCertSign where usages are named (RFC 5280 §4.2.1.9).
  if (!certificate.ca || !contents.isAuthority) {
    return `${who} is no authority’s (basicConstraints CA:TRUE, keyUsage keyCertSign); name the one that signs the apps’ certificates`;
  }
  if (!isForClients(contents)) return `${who} is not for client certificates (extendedKeyUsage clientAuth)`;
  if (contents.hasNameConstraints) {
    return `${who} is limited to certain names (nameConstraints), which Postern does not apply; name an authority without`;
  }
  const [unknown] = contents.notUnderstood;
  if (unknown !== undefined)
    return `${who} has the critical extension ${unknown}, which Postern does not know`;
  const fault = faultOfKey(certificate);
  return fault && `${who} ${fault}`;
}

/** Undefined where an authority vouches for the certificate now, else why none does. @param now milliseconds since the epoch */
export function faultOfIssue(
  certificate: X509Certificate,
  contents: CertificateContents,
  { authorities, now }: { readonly authorities: Authorities; readonly now: number },
): string | undefined {
  // Names and key identifiers alone are anybody's to write; the signature is not.
  const issuers = authorities.filter(
    (each) => certificate.checkIssued(each) && certificate.verify(each.publicKey),
  );
  if (issuers.length === 0) {
    return `the client certificate was issued by "${spellName(readName(contents.issuer))}", but by none of clientAuthorities`;
  }
  if (!issuers.some((each) => isInDate(each, now))) {
    return 'the authority that issued the client certificate has expired, or is not valid yet';
  }
  return faultOfUse(certificate, contents);
}

function faultOfUse(certificate: X509Certificate, contents: CertificateContents): string | undefined {
  // A client that is an authority could have made itself another name.
  if (contents.isAuthority) {
    return 'the client certificate is that of an authority (basicConstraints CA:TRUE)';
  }
  if (!contents.maySign) return 'the client certificate is not for signatures (keyUsage digitalSignature)';
  if (!isForClients(contents)) {
    return 'the client certificate is not for TLS clients (extendedKeyUsage clientAuth)';
  }
  const [unknown] = contents.notUnderstood;
  if (unknown !== undefined) {
    return `the client certificate has the critical extension ${unknown}, which is not known`;
  }
  if (!SOUND_SIGNATURES.has(contents.signature)) {
    return `the client certificate is signed with ${contents.signature}, which is not SHA-256 or better`;
  }
  const fault = faultOfKey(certificate);
  return fault && `the client certificate ${fault}`;
}

// RFC 5280 §4.2.1.12: where no purpose is named, it is for any. anyExtendedKeyUsage is not enough, as for OpenSSL.
function isForClients({ purposes }: CertificateContents): boolean {
  return purposes === undefined || purposes.includes('1.3.6.1.5.5.7.3.2');
}

export function isInDate({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return validFromDate.getTime() <= now && now <= validToDate.getTime();
}

function faultOfKey(certificate: X509Certificate): string | undefined {
  try {
    const bits = certificate.publicKey.asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < 2048 ? 'has an RSA key of fewer than 2048 bits' : undefined;
  } catch {
    return 'has a key of a kind that OpenSSL does not know';
  }
}

// With SHA-1 or MD5 a certificate for one name can be made to fit the signature of another.
const SOUND_SIGNATURES: ReadonlySet<string> = new Set([
  // sha256, 384, 512 with RSA; ECDSA with them; Ed25519, Ed448.
  ...['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13'],
  ...['1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4'],
  ...['1.3.101.112', '1.3.101.113'],
  // The hashes of RSASSA-PSS.
  ...['2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.2', '2.16.840.1.101.3.4.2.3'],
]);
