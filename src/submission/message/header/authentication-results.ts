// Owns Postern's word on who signed in (Authentication-Results, RFC 8601), and the recognition of such a word that is not Postern's.

import { domainToASCII, domainToUnicode } from 'node:url';
import { decodeEncodedWords } from '../../../policy/encoded-word.ts';
import { withoutComments } from './structured-text.ts';

export interface SignedIn {
  /** Name under which Postern speaks. */
  readonly authservId: string;
  /** Name of the principal: an address, or what its issuer calls it. */
  readonly user: string;
  /** Envelope sender, empty for the null reverse-path. */
  readonly mailFrom: string;
  /** MAIL was given with SMTPUTF8: the header may hold UTF-8 (RFC 6532). */
  readonly utf8: boolean;
}

const BEYOND_ASCII = /[^\x00-\x7f]/;
// RFC 2045 §5.1.
const TOKEN = /^[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+$/;
// `[ [local-part] "@" domain-name ]` of RFC 8601 §2.2, with the domain-name of RFC 6376 §3.5: two labels or more, no literal.
const LABEL =
  '[A-Za-z0-9\\u0080-\\u{10ffff}](?:[A-Za-z0-9\\u0080-\\u{10ffff}-]*[A-Za-z0-9\\u0080-\\u{10ffff}])?';
const ADDRESS = new RegExp(
  `^(?:[\\w!#$%&'*+\\-/=?^\`{|}~.\\u0080-\\u{10ffff}]+|"(?:[^"\\\\]|\\\\.)+")@${LABEL}(?:\\.${LABEL})+$`,
  'u',
);
const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;
/** RFC 5322 §2.1.1. */
const LINE = 78;

/**
 * The field, with the line end behind it. RFC 8601 §2.7.4: `smtp.auth` is the identity that the exchange established. For
 * `smtp.mailfrom` it names the AUTH parameter of MAIL, which is the client's own word and never vouched for; the envelope sender
 * stands there instead, as filters expect, for it was found to be the user's own.
 */
export function authenticationResultsField({ authservId, user, mailFrom, utf8 }: SignedIn): string {
  const name = TOKEN.test(authservId) ? authservId : quoted(authservId);
  const results = ['auth=pass', property('smtp.auth', user, utf8), property('smtp.mailfrom', mailFrom, utf8)];
  return `${folded([`Authentication-Results: ${name};`, ...results])}\r\n`;
}

/** The words behind the first in one line if they fit, else from the second line on as many in each as fit. */
function folded([name = '', ...words]: readonly string[]): string {
  const given = words.filter((word) => word !== '');
  const line = [name, ...given].join(' ');
  if (line.length <= LINE) return line;
  let field = name;
  let width: number = LINE;
  for (const word of given) {
    const fits = width + 1 + word.length <= LINE;
    field += fits ? ` ${word}` : `\r\n\t${word}`;
    width = 1 + word.length + (fits ? width : 0);
  }
  return field;
}

/** `ptype.property=pvalue`; empty where the value cannot be told: the null sender, or UTF-8 in a header that may not hold it. */
function property(name: string, identity: string, utf8: boolean): string {
  const value = utf8 || !BEYOND_ASCII.test(identity) ? identity : withAsciiDomain(identity);
  if (value === '' || !PRINTABLE.test(value) || (!utf8 && BEYOND_ASCII.test(value))) return '';
  return `${name}=${TOKEN.test(value) || ADDRESS.test(value) ? value : quoted(value)}`;
}

function withAsciiDomain(address: string): string {
  const at = address.lastIndexOf('@');
  return `${address.slice(0, at + 1)}${domainToASCII(address.slice(at + 1))}`;
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

// Before the results stand the name and perhaps a version (RFC 8601 §2.2); neither holds a semicolon outside quotes.
const BEFORE_RESULTS = /^(?:"[^"\\]*(?:\\[\s\S][^"\\]*)*"|[^";]+)*/;
const NAME_AND_VERSION = /^(?:([!#$%&'*+.0-9A-Z^_`a-z{|}~-]+)|"([^"\\]*(?:\\[\s\S][^"\\]*)*)")(?: [0-9]+)?$/;

/**
 * Whether an Authentication-Results field claims to come from one of these names (RFC 8601 §5). Where it cannot be read as the
 * standard has it, it does so wherever another program could find one of the names in front of the results.
 *
 * @param value one character for each octet, as a header is cut
 */
export function bearsName(value: string, names: readonly string[]): boolean {
  const plain = withoutComments(value);
  if (plain === undefined) return mentions(value, names);
  const before = BEFORE_RESULTS.exec(plain)?.[0].trimEnd() ?? '';
  const [, token, text = ''] = NAME_AND_VERSION.exec(before) ?? [];
  const name = token ?? text.replace(/\\([\s\S])/g, '$1').trim();
  if (name === '' || BEYOND_ASCII.test(name)) return mentions(before, names);
  return names.some((own) => canonical(own) === canonical(name));
}

/** Whether a name is anywhere in it for a program that reads carelessly: decodes, drops what it does not know, joins what is left. */
function mentions(latin1: string, names: readonly string[]): boolean {
  const text = decodeEncodedWords(Buffer.from(latin1, 'latin1').toString('utf8'));
  const found = squeezed(text);
  return names.some((own) => {
    const name = canonical(own);
    return found.includes(squeezed(name)) || found.includes(squeezed(domainToUnicode(name)));
  });
}

function canonical(name: string): string {
  const ascii = BEYOND_ASCII.test(name) ? domainToASCII(name) || name : name;
  return ascii.toLowerCase().replace(/\.+$/, '');
}

const squeezed = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\u3002]/gu, '.')
    .replace(/[^\p{L}\p{N}.-]/gu, '');
