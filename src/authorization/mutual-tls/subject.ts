// Owns the name that a client's certificate must be for (RFC 8705 §2.1.2): as it is registered, and as a certificate has it.

import { canonicalAddress } from '../../address.ts';
import { readNetwork } from '../../network.ts';
import type { AlternativeName, CertificateContents } from './contents.ts';
import { nameKey, parseName, readName, spellName } from './distinguished-name.ts';

/** The settings of `certificateSubject`; a client has one of them. */
export const SUBJECT_KINDS = ['dn', 'dns', 'uri', 'ip', 'email'] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

/** The text that is compared, or what is wrong with the one registered. */
export function readSubject(
  kind: SubjectKind,
  text: string,
): { readonly key: string } | { readonly fault: string } {
  if (kind === 'dn') {
    const read = parseName(text);
    return 'fault' in read ? read : { key: nameKey(read.name) };
  }
  const key = kind === 'ip' ? addressKey(text) : KEYS[kind](Buffer.from(text));
  const isPattern = kind === 'dns' && text.startsWith('*');
  return key === undefined || isPattern ? { fault: EXPECTED[kind] } : { key };
}

const EXPECTED = {
  dns: 'expected the name of a host such as "reports.example.org", without a * and without a dot at its end',
  uri: 'expected a URI such as "spiffe://example.org/reports"',
  ip: 'expected one address such as 10.1.2.3 or 2001:db8::1',
  email: 'expected a mail address such as "reports@example.org", of ASCII characters',
};

/** Undefined where the certificate is for that name, else why it cannot be taken for it. */
export function faultOfSubject(
  { subject, alternativeNames }: CertificateContents,
  kind: SubjectKind,
  text: string,
): string | undefined {
  const wanted = readSubject(kind, text);
  if ('fault' in wanted) return wanted.fault;
  if (kind === 'dn') {
    const name = readName(subject);
    if (name === undefined)
      return 'the subject of the client certificate holds a text that cannot be compared beyond doubt';
    if (nameKey(name) === wanted.key) return undefined;
    return `the subject of the client certificate is "${spellName(name)}"; registered is "${text}"`;
  }
  const keys = alternativeNames.map((each) => ({ ...each, key: KEYS[each.kind](each.octets) }));
  // A NUL or a look-alike in one of its names was put there to be read in two ways.
  if (keys.some(({ key }) => key === undefined)) {
    return 'the client certificate holds an alternative name (subjectAltName) that cannot be compared beyond doubt';
  }
  if (keys.some((each) => each.kind === kind && each.key === wanted.key)) return undefined;
  const found = keys.flatMap((each) => (each.kind === kind ? [each.key] : [])).slice(0, 5);
  const names = found.length === 0 ? 'none' : found.join(', ').slice(0, 300);
  return `of the kind ${kind} the client certificate has ${names} in subjectAltName; registered is ${text}`;
}

const HOST_NAME = /^(?:\*\.)?(?!.*\.\.)[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?$/;

/** The text by which a name is compared; undefined for octets that no such name has. */
const KEYS: Readonly<Record<AlternativeName['kind'], (octets: Buffer) => string | undefined>> = {
  // RFC 5280 §7.2: host names are compared without regard to case. A wildcard is for servers; here it is a name like any other.
  dns: (octets) => {
    const text = ascii(octets)?.toLowerCase();
    return text !== undefined && HOST_NAME.test(text) ? text : undefined;
  },
  uri: (octets) => {
    const text = ascii(octets);
    return text !== undefined && /^[A-Za-z][A-Za-z0-9+.-]*:[^\s"<>\\^`{|}]+$/.test(text) ? text : undefined;
  },
  ip: (octets) => {
    // RFC 5280 §4.2.1.6: four octets or sixteen; a network is in name constraints alone.
    if (octets.length === 4) return addressKey(octets.join('.'));
    return octets.length === 16
      ? addressKey((octets.toString('hex').match(/.{4}/g) ?? []).join(':'))
      : undefined;
  },
  // RFC 5280 §7.5: the part before the @ letter by letter, the rest as a host name.
  email: (octets) => {
    const text = ascii(octets);
    if (text === undefined || canonicalAddress(text) === undefined) return undefined;
    const at = text.lastIndexOf('@');
    return `${text.slice(0, at)}${text.slice(at).toLowerCase()}`;
  },
};

/** IA5String of characters that can be seen; a registered name may hold no others either. */
function ascii(octets: Buffer): string | undefined {
  const text = octets.toString('latin1');
  return octets.length <= 512 && /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

/** One text for each address. */
function addressKey(text: string): string | undefined {
  const read = readNetwork(text);
  return 'network' in read && !text.includes('/') ? read.network.replace(/\/\d+$/, '') : undefined;
}
