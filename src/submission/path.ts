// Owns the arguments of MAIL and RCPT (RFC 5321 §4.1.2): path and ESMTP parameters, kept as the client wrote them.

import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import type { EsmtpParameters, Path } from '../envelope.ts';
import { type Refusal, refuse } from '../refusal.ts';
import type { QualifiedDomains } from './message/header/settings.ts';

const MAX_PATH = 254; // RFC 5321 §4.5.3.1.3: 256 with the angle brackets
const MAX_LOCAL_PART = 64;
const MAX_PARAMETERS = 20;
/** What bytes that are no UTF-8 are read as. */
const REPLACEMENT = '\ufffd';

const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\u0080-\\u{10ffff}-]+";
const LOCAL_PART = new RegExp(
  `^(?:${ATOM}(?:\\.${ATOM})*|"(?:[ !#-\\[\\]-~\\u0080-\\u{10ffff}]|\\\\[ -~])*")$`,
  'u',
);
// RFC 5321 §4.1.2 sub-domain, RFC 1035 §2.3.4 for its length.
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const KEYWORD = /^[A-Za-z0-9][A-Za-z0-9-]*$/;
// RFC 5321 §4.1.2 esmtp-value, RFC 6531 §3.3 adds UTF-8; "=" too, since clients in use leave it unescaped in ENVID.
const VALUE = /^[!-~\u0080-\u{10ffff}]+$/u;

/**
 * @param line the whole command line
 * @param keyword `MAIL FROM` or `RCPT TO`
 * @param domains whether the domain must be complete
 */
export function readPath(
  line: string,
  keyword: 'MAIL FROM' | 'RCPT TO',
  domains: QualifiedDomains,
): Path | Refusal {
  const argument = new RegExp(`^${keyword.replace(' ', ' +')}: *`, 'i').exec(line);
  if (!argument) return refuse('command-syntax', `expected ${keyword}:<address>`);
  const text = line.slice(argument[0].length);
  const end = closingBracket(text);
  const syntax = keyword === 'MAIL FROM' ? 'address-syntax' : 'recipient-syntax';
  if (text[0] !== '<' || end === -1) return refuse(syntax, 'address is not in angle brackets');
  const address = withoutRoute(text.slice(1, end));
  const fault = addressFault(address, keyword);
  if (fault) return refuse(syntax, fault);
  if (domains === 'required' && address.includes('@') && !isComplete(domainOf(address))) {
    const code = keyword === 'MAIL FROM' ? 'sender-domain' : 'recipient-domain';
    return refuse(code, `${domainOf(address)} is no complete domain`);
  }
  const parameters = readParameters(text.slice(end + 1));
  return 'refused' in parameters
    ? (parameters as Refusal)
    : { address, parameters: parameters as EsmtpParameters };
}

/** The `>` that closes the path: one inside a quoted local part does not. */
function closingBracket(text: string): number {
  let quoted = false;
  for (let at = 1; at < text.length; at += 1) {
    const char = text[at];
    if (quoted && char === '\\') at += 1;
    else if (char === '"') quoted = !quoted;
    else if (char === '>' && !quoted) return at;
  }
  return -1;
}

/** RFC 5321 §4.1.2, appendix C: a source route must be taken and should be ignored. */
function withoutRoute(path: string): string {
  return /^@[^:"]+:/.test(path) ? path.slice(path.indexOf(':') + 1) : path;
}

function addressFault(address: string, keyword: 'MAIL FROM' | 'RCPT TO'): string | undefined {
  if (address === '') return keyword === 'MAIL FROM' ? undefined : 'empty recipient';
  // What stood there was not UTF-8 (RFC 6531 §3.3): sent on like this it would be another address.
  if (address.includes(REPLACEMENT)) return 'address is not UTF-8';
  // RFC 5321 §4.1.1.3: <postmaster> without a domain must be taken.
  if (keyword === 'RCPT TO' && address.toLowerCase() === 'postmaster') return undefined;
  if (Buffer.byteLength(address) > MAX_PATH) return 'address is too long';
  const at = address.lastIndexOf('@');
  const localPart = address.slice(0, at);
  if (at <= 0 || Buffer.byteLength(localPart) > MAX_LOCAL_PART) return 'local part is missing or too long';
  if (!LOCAL_PART.test(localPart)) return 'local part is malformed';
  return isDomain(domainOf(address)) ? undefined : 'domain is malformed';
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

function isDomain(domain: string): boolean {
  if (domain.startsWith('[')) return isAddressLiteral(domain);
  // RFC 6531 §3.3: a U-label; its A-label is what counts.
  const ascii = /^[\x00-\x7f]*$/.test(domain) ? domain : domainToASCII(domain);
  return ascii.split('.').every((label) => LABEL.test(label));
}

/** RFC 5321 §4.1.3. Of the general form with a tag of its own none was ever registered. */
function isAddressLiteral(domain: string): boolean {
  const inner = /^\[([^[\]%]+)\]$/.exec(domain)?.[1] ?? '';
  return isIPv4(inner) || (/^IPv6:/i.test(inner) && isIPv6(inner.slice(5)));
}

/** RFC 6409 §4.2. RFC 3696 §2: a top-level domain is not all digits, so 192.0.2.1 without brackets is none. */
function isComplete(domain: string): boolean {
  return domain.startsWith('[') || /[.](?![0-9]+$)[^.]+$/.test(domain);
}

function readParameters(text: string): EsmtpParameters | Refusal {
  const parameters: Record<string, string | true> = {};
  if (text !== '' && text[0] !== ' ')
    return refuse('parameter-syntax', 'no space between address and parameters');
  const words = text.split(' ').filter((word) => word !== '');
  if (words.length > MAX_PARAMETERS) return refuse('parameter-syntax', 'too many parameters');
  for (const word of words) {
    const equals = word.indexOf('=');
    const keyword = (equals === -1 ? word : word.slice(0, equals)).toUpperCase();
    const value = equals === -1 ? true : word.slice(equals + 1);
    if (!KEYWORD.test(keyword) || (value !== true && (!VALUE.test(value) || value.includes(REPLACEMENT)))) {
      return refuse('parameter-syntax', 'parameter is malformed');
    }
    if (Object.hasOwn(parameters, keyword))
      return refuse('parameter-syntax', `parameter ${keyword} is given twice`);
    parameters[keyword] = value;
  }
  return parameters;
}
