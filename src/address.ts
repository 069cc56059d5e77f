// Noun: one mail address (RFC 5321 §4.1.2 Mailbox, RFC 6531 §3.3 for other scripts): its canonical form and when two are the same.

import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';

// RFC 5321 §4.5.3.1: local part 64 octets, path 256 with its angle brackets. RFC 1035 §2.3.4: label 63.
const MAX_ADDRESS_OCTETS = 254;
const MAX_LOCAL_PART_OCTETS = 64;
const MAX_LABEL_OCTETS = 63;

// Control, format (bidi overrides, zero width), surrogate, private-use and unassigned characters and every kind of space:
// they let one address look like another, or break the line of a reply or of the journal.
const INVISIBLE = /[\p{C}\p{Z}]/u;
// RFC 5321 Dot-string, atext with UTF8-non-ascii of RFC 6531.
const DOT_STRING =
  /^[\w!#$%&'*+\-/=?^`{|}~\u{80}-\u{10ffff}]+(\.[\w!#$%&'*+\-/=?^`{|}~\u{80}-\u{10ffff}]+)*$/u;
// RFC 5321 Quoted-string without space and angle brackets: what stands between them must stay one word on every line.
const QUOTED_STRING = /^"((?:[!#-;=?-[\]-~\u{80}-\u{10ffff}]|\\[!-;=?-~])+)"$/u;
const ASCII_LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const UNICODE_LABEL =
  /^[a-z0-9\u{80}-\u{10ffff}](?:[a-z0-9\-\u{80}-\u{10ffff}]*[a-z0-9\u{80}-\u{10ffff}])?$/u;

/**
 * The canonical form of one bare address (no display name, no angle brackets): local part as written, domain in lower
 * case. Undefined where the text is not a Mailbox.
 */
export function canonicalAddress(text: string): string | undefined {
  const parts = splitAddress(text);
  return parts && `${parts.localPart}@${parts.domain}`;
}

/** Whether two addresses name the same mailbox: see {@link addressKey}. False where either is not an address. */
export function sameAddress(one: string, other: string): boolean {
  const key = addressKey(one);
  return key !== undefined && key === addressKey(other);
}

/**
 * What is equal for two addresses of the same mailbox and for no others: quotes that change nothing are gone (RFC 5321
 * §4.1.2), ASCII letters are in lower case, the domain is in its A-form (RFC 5890 §2.3.2.1). For sets and maps, not for the wire.
 */
export function addressKey(text: string): string | undefined {
  const parts = splitAddress(text);
  if (!parts) return undefined;
  return `${lowerAscii(unquoted(parts.localPart))}@${parts.asciiDomain}`;
}

/** The domain of `*@example.org`, in lower case; undefined where the text is no such pattern, or its domain is none. */
export function readDomainPattern(text: string): string | undefined {
  if (!text.startsWith('*@') || text.includes('[')) return undefined;
  return splitAddress(text)?.domain;
}

/** Whether the address is one of the domain itself; sub-domains are others. False where it is not an address. */
export function isOfDomain(address: string, domain: string): boolean {
  const parts = splitAddress(address);
  return parts !== undefined && parts.asciiDomain === asciiForm(lowerDomain(domain));
}

function splitAddress(text: string) {
  if (INVISIBLE.test(text) || Buffer.byteLength(text) > MAX_ADDRESS_OCTETS) return undefined;
  // The last @: a quoted local part may hold others, a domain none.
  const at = text.lastIndexOf('@');
  const localPart = text.slice(0, Math.max(at, 0));
  if (!DOT_STRING.test(localPart) && !QUOTED_STRING.test(localPart)) return undefined;
  if (Buffer.byteLength(localPart) > MAX_LOCAL_PART_OCTETS) return undefined;
  const domain = lowerDomain(text.slice(at + 1));
  const asciiDomain = domain.startsWith('[') ? addressLiteral(domain) : asciiForm(domain);
  return asciiDomain === undefined ? undefined : { localPart, domain, asciiDomain };
}

function asciiForm(domain: string): string | undefined {
  if (!domain.split('.').every((label) => UNICODE_LABEL.test(label))) return undefined;
  const ascii = isAscii(domain) ? domain : domainToASCII(domain);
  // RFC 5890 §2.3.2.1: a U-label comes back from its A-label unchanged. Full-width letters, soft hyphens and the like do not:
  // they would make a domain that looks foreign (or the same) equal to another.
  if (ascii !== domain && domainToUnicode(ascii) !== domain) return undefined;
  const labels = ascii.split('.');
  if (!labels.every((label) => ASCII_LABEL.test(label) && label.length <= MAX_LABEL_OCTETS)) return undefined;
  // RFC 3696 §2: a top-level domain is not all digits, so 127.0.0.1 without brackets is no domain.
  return /^[0-9]+$/.test(labels.at(-1) ?? '') ? undefined : ascii;
}

function addressLiteral(domain: string): string | undefined {
  const inner = /^\[(.+)\]$/.exec(domain)?.[1] ?? '';
  if (isIPv4(inner)) return domain;
  return inner.startsWith('ipv6:') && !inner.includes('%') && isIPv6(inner.slice(5)) ? domain : undefined;
}

function unquoted(localPart: string): string {
  const content = QUOTED_STRING.exec(localPart)?.[1];
  return content === undefined ? localPart : content.replace(/\\(.)/g, '$1');
}

// Only ASCII is folded in a local part: the Kelvin sign lower-cases to a plain k and would let one mailbox pass for another.
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function lowerDomain(domain: string): string {
  return lowerAscii(domain).replace(/[^\u{0}-\u{7f}]/gu, (character) => {
    const lower = character.toLowerCase();
    return isAscii(lower[0] ?? '') ? character : lower;
  });
}

function isAscii(text: string): boolean {
  return /^[\u{0}-\u{7f}]*$/u.test(text);
}
