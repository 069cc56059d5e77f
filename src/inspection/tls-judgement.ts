// Owns the judgement on a TLS connection and its certificates: facts in, findings out.

import { type CheckName, type Finding, ok, problem, warning } from './findings.ts';
import type { PortMode } from './report.ts';
import type { CertificateFacts, TlsFacts } from './tls-facts.ts';

/** @param given.now milliseconds since the epoch */
export function judgeTls(given: { facts: TlsFacts; host: string; mode: PortMode; now: number }): Finding[] {
  const { facts, host, now } = given;
  const [own] = facts.certificates;
  if (own === undefined) {
    return [problem('certificate-trust', 'the server shows no certificate', 'Configure one.')];
  }
  const findings = [
    judgeVersion(facts),
    judgeCipher(facts),
    ...judgeTrust(facts),
    judgeName(facts, own, host),
    ...facts.certificates.flatMap((certificate, index) => judgeExpiry(certificate, now, index === 0)),
    judgeKey(own),
    ...judgeSignatures(facts.certificates),
  ];
  return given.mode === 'relay' ? findings.map(forOpportunists) : findings;
}

/** Whether a token may be sent here: nobody in between, and the server is the one that was meant. */
export function isTrustworthy({ trusted, namesHost }: TlsFacts): boolean {
  return trusted && namesHost;
}

function judgeVersion({ protocol }: TlsFacts): Finding {
  if (protocol === 'TLSv1.3' || protocol === 'TLSv1.2') return ok('tls-version', `${protocol} is agreed on`);
  return problem(
    'tls-version',
    `${protocol} is the best the server can do; modern clients will not connect (RFC 8996)`,
    'Enable TLS 1.2 and 1.3.',
  );
}

function judgeCipher({ cipher, forwardSecrecy }: TlsFacts): Finding {
  if (/NULL|EXPORT|RC4|_DES_|anon/i.test(cipher)) {
    return problem('tls-cipher', `${cipher} can be broken (RFC 9325 §4.1)`, ALLOW_MODERN);
  }
  if (!forwardSecrecy) {
    return warning(
      'tls-cipher',
      `${cipher} has no forward secrecy: whoever gets the key later can read what is recorded today (RFC 9325 §4.1)`,
      ALLOW_MODERN,
    );
  }
  if (!/GCM|CCM|POLY1305/.test(cipher)) {
    return warning(
      'tls-cipher',
      `${cipher} is none of the kind that is recommended (RFC 9325 §4.2)`,
      ALLOW_MODERN,
    );
  }
  return ok('tls-cipher', `the cipher is modern, and recordings stay unreadable: ${cipher}`);
}

const ALLOW_MODERN = 'Allow ECDHE with AES-GCM or ChaCha20-Poly1305, and prefer them.';

/** What expiry and name say is told by them. */
const TOLD_ELSEWHERE = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'ERR_TLS_CERT_ALTNAME_INVALID']);

function judgeTrust({ trusted, trustError, certificates }: TlsFacts): Finding[] {
  if (trusted) {
    const last = certificates.at(-1);
    return [ok('certificate-trust', `the certificate leads to a trusted authority: ${last?.issuer}`)];
  }
  if (trustError !== null && TOLD_ELSEWHERE.has(trustError)) return [];
  const isAlone = certificates.length === 1 && certificates[0]?.selfSigned === false;
  return [
    problem(
      'certificate-trust',
      `no client trusts the certificate (${trustError})`,
      isAlone
        ? 'Let the server send the certificates between its own and the authority; for an authority of your own, --ca FILE.'
        : 'Get a certificate of an authority that clients trust; for an authority of your own, --ca FILE.',
    ),
  ];
}

function judgeName({ namesHost }: TlsFacts, own: CertificateFacts, host: string): Finding {
  if (namesHost) return ok('certificate-name', `the certificate is for ${host}`);
  const names = own.names.slice(0, 5).join(', ');
  return problem(
    'certificate-name',
    names === ''
      ? `the certificate names no host in subjectAltName, so clients cannot tell that it is for ${host}`
      : `the certificate is not for ${host}, but for ${names}: clients will not go on`,
    `Get a certificate whose subjectAltName has ${host}, or give clients a name that it has.`,
  );
}

const DAY = 86_400_000;
/** Renewal of a certificate for 90 days begins 30 days before; one that is this near has failed to be renewed. */
const SOON = 14 * DAY;

function judgeExpiry(certificate: CertificateFacts, now: number, isOwn: boolean): Finding[] {
  const whose = isOwn ? 'the certificate' : `the issuer's certificate ${certificate.subject}`;
  const from = Date.parse(certificate.validFrom);
  const to = Date.parse(certificate.validTo);
  const day = certificate.validTo.slice(0, 10);
  const renew = isOwn ? 'Renew it, and see why that did not happen by itself.' : 'Send the renewed one.';
  if (now > to)
    return [problem('certificate-expiry', `${whose} expired on ${day}: clients will not go on`, renew)];
  if (now < from) {
    const means = `${whose} is valid only from ${certificate.validFrom}: clients will not go on`;
    return [problem('certificate-expiry', means, 'Set the clocks right, or wait.')];
  }
  // One that lives for six days is renewed every fourth.
  if (to - now < Math.min(SOON, (to - from) / 3))
    return [warning('certificate-expiry', `${whose} expires in ${daysOf(to - now)}, on ${day}`, renew)];
  return isOwn
    ? [ok('certificate-expiry', `the certificate is good for ${daysOf(to - now)}, until ${day}`)]
    : [];
}

function daysOf(milliseconds: number): string {
  const days = Math.floor(milliseconds / DAY);
  if (days === 0) return 'less than a day';
  return days === 1 ? '1 day' : `${days} days`;
}

/** RFC 9325 §4.3. */
function judgeKey({ key }: CertificateFacts): Finding {
  const name = [key.type.toUpperCase(), key.curve ?? key.bits].filter((part) => part !== null).join(' ');
  const least = key.type.startsWith('rsa') ? 2048 : 224;
  const isUnknown = !/^(rsa|ec|ed25519|ed448|ml-dsa)/.test(key.type);
  if (isUnknown || (key.bits !== null && key.bits < least)) {
    return problem('certificate-key', `the key is too weak: ${name}`, 'Take RSA with 2048 bits or EC P-256.');
  }
  return ok('certificate-key', `the key is strong enough: ${name}`);
}

/** SHA-1 signatures can be forged (RFC 9155). Nobody looks at the one of an authority on itself. */
function judgeSignatures(certificates: readonly CertificateFacts[]): Finding[] {
  const weak = certificates.filter(
    ({ signature, selfSigned }, index) =>
      signature !== null && /md[245]|sha-?1(?!\d)/i.test(signature) && (!selfSigned || index === 0),
  );
  if (weak.length > 0) {
    return weak.map(({ subject, signature }) =>
      problem(
        'certificate-signature',
        `the signature on ${subject} can be forged: ${signature}`,
        'Get a certificate signed with SHA-256.',
      ),
    );
  }
  const signature = certificates[0]?.signature ?? null;
  return signature === null
    ? []
    : [ok('certificate-signature', `the signature is strong enough: ${signature}`)];
}

const FOR_CLIENTS: ReadonlySet<CheckName> = new Set<CheckName>([
  'certificate-trust',
  'certificate-name',
  'certificate-expiry',
]);

/** Other mail servers deliver to port 25 whatever its certificate (RFC 7435), where no MTA-STS or DANE forbids it. */
function forOpportunists(finding: Finding): Finding {
  return finding.level === 'problem' && FOR_CLIENTS.has(finding.check)
    ? { ...finding, level: 'warning' }
    : finding;
}
