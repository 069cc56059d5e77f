// Which hosts are this machine itself (there alone may traffic go unprotected), and what a host name looks like.

import { isIPv4 } from 'node:net';

/**
 * `localhost` and names under it (RFC 6761 §6.3: nobody can register one), 127.0.0.0/8 and ::1. A name that merely resolves to
 * them does not count, as DNS may change its mind.
 */
export function isLoopback(host: string): boolean {
  const plain = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  return (
    plain === 'localhost' ||
    plain.endsWith('.localhost') ||
    plain === '::1' ||
    (isIPv4(plain) && plain.startsWith('127.'))
  );
}

/** The host of a URL, or undefined where the text is none. */
export function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}

/** Every address of this machine. */
export function isWildcard(host: string): boolean {
  return host === '::' || host === '0.0.0.0';
}

/** RFC 1123 §2.1; names with letters beyond ASCII are written in their `xn--` form. */
export function isHostName(name: string): boolean {
  if (name.length > 253) return false;
  return name.split('.').every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));
}
