// Owns what a redirect URI of an unknown program may look like at all (RFC 8252 §7), before any setting narrows it.

export type RedirectKind = 'loopback' | 'private-use' | 'https';

export interface ReadRedirect {
  readonly kind: RedirectKind;
  /** The text to compare by: of loopback addresses without the port (RFC 8252 §7.3). */
  readonly compared: string;
  /** Of https ones. */
  readonly origin: string | undefined;
}

/** What is wrong with one, for the people who made the program. Holds no text of theirs. */
export interface RedirectFault {
  readonly fault: string;
}

const MAX_LENGTH = 255;
const LOOPBACK = /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?::[1-9][0-9]{0,4})?(?=\/|\?|$)/;
// RFC 8252 §7.1: a reversed domain name. The dot keeps out javascript:, data:, file: and all schemes that mean something.
const PRIVATE_USE = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:\/(?:[^\s]*)$/;

export function readRedirectUri(uri: unknown): ReadRedirect | RedirectFault {
  if (typeof uri !== 'string') return { fault: 'is not a text' };
  if (uri.length > MAX_LENGTH) return { fault: `is longer than ${MAX_LENGTH} characters` };
  // What RFC 3986 has no place for; several of them are read differently by different programs.
  if (!/^[!-~]+$/.test(uri) || /["<>\\^`{|}]/.test(uri))
    return { fault: 'holds a character that no URI has' };
  if (uri.includes('#')) return { fault: 'has a fragment (RFC 6749 §3.1.2)' };
  const url = URL.parse(uri);
  if (url === null) return { fault: 'is not an absolute URI' };
  if (url.username !== '' || url.password !== '' || /^[^/?]*\/\/[^/?]*@/.test(uri)) {
    return { fault: 'holds a user name' };
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(uri)) {
    return { fault: 'is http, which is for http://127.0.0.1, http://[::1] and http://localhost only' };
  }
  // Dot segments, other notations of an address, capitals in the host, default ports: each has one plain form.
  if (url.href !== uri && url.href !== `${uri}/`)
    return { fault: 'is not in its plain form (RFC 3986 §6.2)' };
  if (/(?:^|[/])(?:\.|%2e){1,2}(?:[/?]|$)/i.test(url.pathname)) return { fault: 'has dot segments' };
  if (url.protocol === 'http:') {
    return { kind: 'loopback', compared: withoutPort(url), origin: undefined };
  }
  if (url.protocol === 'https:') return { kind: 'https', compared: url.href, origin: url.origin };
  if (!PRIVATE_USE.test(uri)) {
    return { fault: 'has a scheme that is neither http, https nor a private one such as org.example.mail:/' };
  }
  return { kind: 'private-use', compared: uri, origin: undefined };
}

function withoutPort(url: URL): string {
  return `http://${url.hostname}${url.pathname}${url.search}`;
}
