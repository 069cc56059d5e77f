// Owns what stands in a certificate beyond what Node tells of it: names octet by octet, usages, extensions that must be understood.

import {
  contentsOf,
  type Element,
  elementsOf,
  identifierOf,
  isTrue,
  NotDer,
  octetsOf,
  only,
  TAG,
} from './der.ts';

/** An entry of subjectAltName of one of the kinds that a client may be registered with (RFC 5280 §4.2.1.6). */
export interface AlternativeName {
  readonly kind: 'dns' | 'uri' | 'email' | 'ip';
  readonly octets: Buffer;
}

export interface CertificateContents {
  /** DER of the subject. */
  readonly subject: Buffer;
  /** DER of the issuer. */
  readonly issuer: Buffer;
  readonly alternativeNames: readonly AlternativeName[];
  /** Whether basicConstraints says that it may issue others. */
  readonly isAuthority: boolean;
  /** Whether the key may sign, as in a handshake; also where nothing is said of its usage. */
  readonly maySign: boolean;
  /** Extended key usages, dotted; undefined where nothing is said, and then it is for any. */
  readonly purposes: readonly string[] | undefined;
  readonly hasNameConstraints: boolean;
  /** Critical extensions that nobody here understands (RFC 5280 §4.2: then the certificate must be refused). */
  readonly notUnderstood: readonly string[];
  /** Dotted; of the hash where the algorithm leaves that open (RSASSA-PSS), else of the signature. */
  readonly signature: string;
}

/** Of the DER form of a certificate that OpenSSL has read; undefined where it is not strict DER or says something twice. */
export function readContents(certificate: Buffer): CertificateContents | undefined {
  try {
    return contents(certificate);
  } catch (error) {
    if (error instanceof NotDer) return undefined;
    throw error;
  }
}

const EXTENSION = {
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  // It limits nothing as long as no policy is asked for.
  policies: '2.5.29.32',
  purposes: '2.5.29.37',
};
const UNDERSTOOD = new Set(Object.values(EXTENSION));
const RSASSA_PSS = '1.2.840.113549.1.1.10';

// RFC 5280 §4.1.
function contents(certificate: Buffer): CertificateContents {
  const [toBeSigned, algorithm] = elementsOf(only(certificate, TAG.sequence));
  const fields = contentsOf(toBeSigned, TAG.sequence);
  const hasVersion = fields[0]?.tag === 0xa0;
  const [, , issuer, , subject, , ...rest] = hasVersion ? fields.slice(1) : fields;
  const listed = rest.find(({ tag }) => tag === 0xa3);
  const extensions = readExtensions(listed);
  const of = (id: string): Buffer | undefined => extensions.get(id)?.value;
  return {
    subject: whole(subject),
    issuer: whole(issuer),
    alternativeNames: readAlternativeNames(of(EXTENSION.alternativeNames)),
    isAuthority: readIsAuthority(of(EXTENSION.basicConstraints)),
    maySign: readMaySign(of(EXTENSION.keyUsage)),
    purposes: readPurposes(of(EXTENSION.purposes)),
    hasNameConstraints: extensions.has(EXTENSION.nameConstraints),
    notUnderstood: [...extensions].flatMap(([id, { critical }]) =>
      critical && !UNDERSTOOD.has(id) ? [id] : [],
    ),
    signature: readSignature(algorithm),
  };
}

function whole(element: Element | undefined): Buffer {
  octetsOf(element, TAG.sequence);
  return element?.whole ?? Buffer.of();
}

interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

function readExtensions(listed: Element | undefined): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  if (listed === undefined) return extensions;
  for (const element of elementsOf(only(listed.value, TAG.sequence))) {
    const parts = contentsOf(element, TAG.sequence);
    const id = identifierOf(parts[0]);
    // RFC 5280 §4.2: else two readers may each believe another one.
    if (extensions.has(id)) throw new NotDer('an extension that stands there twice');
    const [flag] = parts.length === 3 ? parts.slice(1) : [];
    if (parts.length > 3) throw new NotDer('an extension of more than three parts');
    extensions.set(id, {
      critical: flag !== undefined && isTrue(flag),
      value: octetsOf(parts.at(-1), TAG.octets),
    });
  }
  return extensions;
}

const KINDS: Readonly<Record<number, AlternativeName['kind']>> = {
  129: 'email',
  130: 'dns',
  134: 'uri',
  135: 'ip',
};

function readAlternativeNames(value: Buffer | undefined): AlternativeName[] {
  if (value === undefined) return [];
  return elementsOf(only(value, TAG.sequence)).flatMap(({ tag, value: octets }) => {
    const kind = KINDS[tag];
    return kind === undefined ? [] : [{ kind, octets }];
  });
}

function readIsAuthority(value: Buffer | undefined): boolean {
  if (value === undefined) return false;
  const [flag] = elementsOf(only(value, TAG.sequence));
  return flag?.tag === TAG.boolean && isTrue(flag);
}

function readMaySign(value: Buffer | undefined): boolean {
  if (value === undefined) return true;
  // RFC 5280 §4.2.1.3: behind the octet that counts unused bits, digitalSignature is the first one.
  return ((only(value, TAG.bits)[1] ?? 0) & 0x80) !== 0;
}

function readPurposes(value: Buffer | undefined): string[] | undefined {
  return value && elementsOf(only(value, TAG.sequence)).map(identifierOf);
}

function readSignature(algorithm: Element | undefined): string {
  const [id, parameters] = contentsOf(algorithm, TAG.sequence);
  const signature = identifierOf(id);
  if (signature !== RSASSA_PSS) return signature;
  // RFC 4055 §3.1: the hash stands under [0]; where it does not, it is SHA-1.
  const hash = contentsOf(parameters, TAG.sequence).find(({ tag }) => tag === 0xa0);
  return hash === undefined ? 'SHA-1' : identifierOf(elementsOf(only(hash.value, TAG.sequence))[0]);
}
