// Whom a security event is about: subject identifiers of RFC 9493 and the complex subjects of Shared Signals, read strictly.

import { canonicalAddress } from '../../address.ts';
import { isPlainText } from '../checks/claims.ts';
import { shown } from '../shown.ts';
import { isObject } from './security-event-rules.ts';

/** One person, session, token or thing, as the transmitter names it. */
export type SimpleSubject =
  /** `email`, and `account` whose URI is an address. */
  | { readonly format: 'address'; readonly address: string }
  | { readonly format: 'iss_sub'; readonly issuer: string; readonly subject: string }
  | { readonly format: 'opaque'; readonly id: string }
  | { readonly format: 'jwt_id'; readonly issuer: string; readonly tokenId: string }
  /** A format that names nobody Postern could know: telephone numbers, SAML assertions, … */
  | { readonly format: 'foreign' };

export type SubjectIdentifier =
  | SimpleSubject
  /** RFC 9493 §3.2.8: several names of one and the same. */
  | { readonly format: 'aliases'; readonly identifiers: readonly SimpleSubject[] }
  /** Shared Signals 1.0 §3.3: what all of its members have in common. Others than these are not kept. */
  | {
      readonly format: 'complex';
      readonly user: SimpleSubject | undefined;
      readonly session: SimpleSubject | undefined;
      readonly device: SimpleSubject | undefined;
    };

const MAX_ALIASES = 8;

/** The subject, or in one phrase what is wrong with it. */
export function readSubject(value: unknown): SubjectIdentifier | string {
  if (!isObject(value)) return `expected a subject identifier, found ${shown(value)}`;
  switch (formatOf(value)) {
    case 'aliases':
      return readAliases(value['identifiers']);
    case 'complex':
      return readComplex(value);
    default:
      return readSimple(value);
  }
}

function readSimple(value: unknown): SimpleSubject | string {
  if (!isObject(value)) return `expected a subject identifier, found ${shown(value)}`;
  const format = formatOf(value);
  switch (format) {
    case 'email':
      return addressed(value['email']);
    case 'account':
      // RFC 9493 §3.2.1, RFC 7565: `acct:` and what has the form of an address.
      return addressed(String(value['uri'] ?? '').replace(/^acct:/, ''));
    case 'iss_sub': {
      const { iss, sub } = value;
      if (!isPlainText(iss) || !isPlainText(sub)) return 'expected iss and sub in the subject identifier';
      return { format, issuer: String(iss), subject: String(sub) };
    }
    case 'opaque': {
      if (!isPlainText(value['id'])) return 'expected id in the opaque subject identifier';
      return { format, id: String(value['id']) };
    }
    case 'jwt_id': {
      const { iss, jti } = value;
      if (!isPlainText(iss) || !isPlainText(jti)) return 'expected iss and jti in the subject identifier';
      return { format, issuer: String(iss), tokenId: String(jti) };
    }
    case undefined:
      return 'the subject identifier has no format';
    case 'aliases':
    case 'complex':
      return `${format} within another subject identifier`;
    default:
      return { format: 'foreign' };
  }
}

function readAliases(identifiers: unknown): SubjectIdentifier | string {
  if (!Array.isArray(identifiers) || identifiers.length === 0 || identifiers.length > MAX_ALIASES) {
    return `expected 1 to ${MAX_ALIASES} identifiers among the aliases`;
  }
  const read = identifiers.map(readSimple);
  const fault = read.find((one) => typeof one === 'string');
  return fault ?? { format: 'aliases', identifiers: read as SimpleSubject[] };
}

function readComplex(value: Record<string, unknown>): SubjectIdentifier | string {
  const members = ['user', 'session', 'device'] as const;
  const read = members.map((name) => (value[name] === undefined ? undefined : readSimple(value[name])));
  const fault = read.find((one) => typeof one === 'string');
  if (fault !== undefined) return fault;
  const [user, session, device] = read as (SimpleSubject | undefined)[];
  return { format: 'complex', user, session, device };
}

// `subject_type` and its hyphens are of the drafts before RFC 9493; transmitters of RISC still write them.
function formatOf(value: Record<string, unknown>): string | undefined {
  const format = value['format'] ?? value['subject_type'];
  return typeof format === 'string' ? format.replaceAll('-', '_') : undefined;
}

function addressed(value: unknown): SimpleSubject | string {
  const address = typeof value === 'string' ? canonicalAddress(value) : undefined;
  return address === undefined
    ? `expected an address in the subject, found ${shown(value)}`
    : { format: 'address', address };
}
