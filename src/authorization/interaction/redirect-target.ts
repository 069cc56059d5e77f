// Owns what is known of the place an answer goes to: what the consent page calls it, and where its forms may lead.

export interface RedirectTarget {
  readonly kind: 'loopback' | 'private-scheme' | 'web';
  /** What the person reads: host, or scheme. */
  readonly name: string;
  /**
   * What a remembered consent holds of it: consent for a program on this computer is none for a web site. Ports of
   * loopback redirects differ each time and are left out.
   */
  readonly key: string;
  /** The source expression for `form-action` (CSP §6.4.1). */
  readonly formAction: string;
}

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** Describes a redirect URI that was matched with a registered one. */
export function redirectTarget(redirectUri: string): RedirectTarget {
  const url = new URL(redirectUri);
  if (url.protocol === 'http:' && LOOPBACK.has(url.hostname)) {
    return { kind: 'loopback', name: url.host, key: 'loopback', formAction: loopbackSource(url) };
  }
  if (url.protocol === 'http:' || url.protocol === 'https:') {
    return { kind: 'web', name: url.host, key: url.origin, formAction: url.origin };
  }
  return { kind: 'private-scheme', name: url.protocol, key: url.protocol, formAction: url.protocol };
}

// CSP §2.3.1: a host source has no form for an IPv6 address, so only the scheme can be named.
function loopbackSource(url: URL): string {
  return url.hostname === '[::1]' ? 'http:' : url.origin;
}
