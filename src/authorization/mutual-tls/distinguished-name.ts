// Owns distinguished names: the text an operator writes (RFC 4514), the name a certificate holds, and when the two are one.

import { contentsOf, elementsOf, identifierOf, NotDer, only, TAG } from './der.ts';

interface Attribute {
  /** Dotted. */
  readonly type: string;
  readonly value: string;
}

/** Relative names in the order of the certificate, the most general one first; each a set of attributes. */
export type DistinguishedName = readonly (readonly Attribute[])[];

// RFC 4514 §3, and what OpenSSL prints besides.
const TYPES: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  title: '2.5.4.12',
  description: '2.5.4.13',
  businessCategory: '2.5.4.15',
  postalCode: '2.5.4.17',
  name: '2.5.4.41',
  GN: '2.5.4.42',
  initials: '2.5.4.43',
  dnQualifier: '2.5.4.46',
  pseudonym: '2.5.4.65',
  organizationIdentifier: '2.5.4.97',
  UID: '0.9.2342.19200300.100.1.1',
  DC: '0.9.2342.19200300.100.1.25',
  emailAddress: '1.2.840.113549.1.9.1',
};
const BY_NAME = new Map(Object.entries(TYPES).map(([name, type]) => [name.toLowerCase(), type]));
const BY_TYPE = new Map(Object.entries(TYPES).map(([name, type]) => [type, name]));

/** How an operator finds the text of a certificate. */
const HOW =
  'write it as `openssl x509 -noout -subject -nameopt RFC2253 -in FILE` prints it behind "subject="';
// RFC 4514 §2.4: a special character stands behind a backslash, and any octet may be two digits behind one.
const PART =
  /([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)=((?:[^\\,+"<>;]|\\[ "#+,;<=>\\]|\\[0-9A-Fa-f]{2})*)(,|\+|$)/y;
const MAX_CHARACTERS = 2_000;

/** The text of RFC 4514, with the most special name first; or what is wrong with it. */
export function parseName(text: string): { readonly name: DistinguishedName } | { readonly fault: string } {
  if (text.length > MAX_CHARACTERS) return { fault: `is longer than ${MAX_CHARACTERS} characters` };
  const names: Attribute[][] = [[]];
  PART.lastIndex = 0;
  for (let end = ''; PART.lastIndex < text.length || end !== ''; ) {
    const rest = text.slice(PART.lastIndex);
    const [, word = '', escaped = '', separator = ''] = PART.exec(text) ?? [];
    if (word === '') return { fault: `is no distinguished name ${whyNot(rest)}; ${HOW}` };
    const type = /^\d/.test(word) ? word : BY_NAME.get(word.toLowerCase());
    if (type === undefined) {
      return {
        fault: `has an attribute ${word} that is not known by name; write its number instead (such as 2.5.4.97=…)`,
      };
    }
    const value = unescaped(escaped);
    if (value === undefined)
      return {
        fault: `has a value of ${word} that is empty, hexadecimal, or holds what cannot be seen; ${HOW}`,
      };
    names[0]?.push({ type, value });
    end = separator;
    if (separator === ',') names.unshift([]);
    if (separator === '') break;
  }
  return names[0]?.length === 0 ? { fault: `is empty; ${HOW}` } : { name: names };
}

function whyNot(rest: string): string {
  if (/^\s|^[\w.-]+\s/.test(rest)) return 'in the form of RFC 4514: no space belongs around =, a comma or +';
  if (/^\//.test(rest))
    return 'in the form of RFC 4514: its parts are divided by commas, the most special one first';
  return 'in the form of RFC 4514, such as "CN=reports,O=Example,C=SE"';
}

function unescaped(text: string): string | undefined {
  // A # would announce hexadecimal BER; a space at an end that is not escaped is not meant.
  if (text === '' || /^[ #]/.test(text) || /(?:^|[^\\])(?:\\\\)* $/.test(text)) return undefined;
  const parts = [...text.matchAll(/\\([0-9A-Fa-f]{2})|\\(.)|([^\\]+)/gu)];
  return readText(
    Buffer.concat(
      parts.map(([, hex, special, plain]) =>
        hex ? Buffer.from(hex, 'hex') : Buffer.from(special ?? plain ?? ''),
      ),
    ),
  );
}

/** The name in a certificate; undefined where it holds what cannot be compared beyond doubt. @param der of the Name */
export function readName(der: Buffer): DistinguishedName | undefined {
  try {
    return elementsOf(only(der, TAG.sequence)).map((set) =>
      contentsOf(set, TAG.set).map((attribute) => {
        const [type, value] = contentsOf(attribute, TAG.sequence);
        const text = value && TEXTS.has(value.tag) ? readText(value.value) : undefined;
        if (text === undefined) throw new NotDer('a text of an old kind, or none');
        return { type: identifierOf(type), value: text };
      }),
    );
  } catch (error) {
    if (error instanceof NotDer) return undefined;
    throw error;
  }
}

/** Of T61String nobody knows the character set, and BMPString is not made any more (RFC 5280 §4.1.2.4). */
const TEXTS: ReadonlySet<number> = new Set([TAG.utf8, TAG.printable, TAG.ia5]);
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// Characters that cannot be seen are in no name that an operator has read.
function readText(octets: Buffer): string | undefined {
  try {
    const text = UTF_8.decode(octets);
    return /[\p{C}\p{Zl}\p{Zp}]/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/**
 * Equal for names that are one: the same relative names in the same order, the attributes of each in any, and every value letter
 * by letter. RFC 4517 §4.2.11 would pass over case and spaces; an authority may have given such names to two holders.
 */
export function nameKey(name: DistinguishedName): string {
  return JSON.stringify(
    name.map((set) => set.map(({ type, value }) => JSON.stringify([type, value])).sort()),
  );
}

/** RFC 4514, for reasons. */
export function spellName(name: DistinguishedName | undefined): string {
  if (name === undefined) return 'a name that cannot be written';
  const text = name
    .toReversed()
    .map((set) => set.map(({ type, value }) => `${BY_TYPE.get(type) ?? type}=${escaped(value)}`).join('+'))
    .join(',');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

const escaped = (value: string): string => value.replace(/[\\,+"<>;]|^[ #]| $/g, '\\$&');
