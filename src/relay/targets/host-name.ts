// Owns the forms of a host's name: what an operator may write, and what a name from DNS must look like to be used.

import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/**
 * A-labels in lower case (RFC 5891) or an address without brackets; undefined where it is neither. A final dot stays: it keeps
 * the system from trying its search domains.
 */
export function asAsked(host: string): string | undefined {
  const address = host.replace(/^\[(?:IPv6:)?([^\]]*)\]$/i, '$1');
  if (isIP(address) !== 0) return address;
  // Only where it is needed: for ASCII it would make an address of `10.1` and of `0x7f.1`.
  const name = /[^\x00-\x7f]/.test(host) ? domainToASCII(host) : host.toLowerCase();
  return isHostName(name) ? name : undefined;
}

/** As a certificate bears it. */
export function withoutFinalDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/**
 * Letters, digits, hyphens and, since some have them, underscores. DNS can carry any byte: what it answers must reach neither a
 * journal nor a connection before this. An address where a name belongs is none (RFC 5321 §5.1 wants a domain name).
 */
export function isHostName(name: string): boolean {
  return (
    name.length <= 254 &&
    isIP(withoutFinalDot(name)) === 0 &&
    /^[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\.?$/i.test(name)
  );
}
