// Owns what happens to every request before anything looks at it: its origin is pinned, its sender noted, headers are set.

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { contentSecurityPolicy } from './pages/document.ts';

const peers = new WeakMap<IncomingMessage, string>();

/** `address` is undefined once the client is gone. */
export function notePeer(request: IncomingMessage, address: string | undefined): void {
  // An IPv4 client on a dual-stack listener.
  if (address !== undefined) peers.set(request, address.replace(/^::ffff:(?=\d+\.)/i, ''));
}

/** Address of the client, for the journal. */
export function peerOf(request: IncomingMessage): string | undefined {
  return peers.get(request);
}

const references = new WeakMap<IncomingMessage, string>();

/** What a page about a fault shows and the journal carries, so that a complaint leads to its line. */
export function referenceOf(request: IncomingMessage): string {
  const known = references.get(request);
  if (known !== undefined) return known;
  const made = randomBytes(6).toString('base64url');
  references.set(request, made);
  return made;
}

/**
 * Makes the request look as if it came to the issuer's own address. Links, metadata and cookie attributes are made from
 * these headers, and whoever sends the request writes them: a forged Host would put a forged address into our pages.
 */
export function pinOrigin(request: IncomingMessage, issuer: URL): void {
  request.headers.host = issuer.host;
  request.headers['x-forwarded-host'] = issuer.host;
  request.headers['x-forwarded-proto'] = issuer.protocol.slice(0, -1);
}

/** For pages, JSON and redirects alike. */
export function setSecurityHeaders(response: ServerResponse, isHttps: boolean): void {
  const headers: Record<string, string> = {
    'content-security-policy': contentSecurityPolicy(),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), publickey-credentials-get=()',
    'cache-control': 'no-store',
    ...(isHttps ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

/**
 * Whether a POST may come from our own page. The interaction's cookie (SameSite=Lax) is the guard; this is a second one.
 * Under `Referrer-Policy: no-referrer` a browser writes `Origin: null` even for its own pages (Fetch §3.2), so that alone
 * says nothing.
 */
export function isFromOwnPage(request: IncomingMessage, issuer: URL): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  const { origin } = request.headers;
  return origin === undefined || origin === 'null' || origin === issuer.origin;
}

/**
 * Whether a page of another site has sent the browser here (Fetch Metadata). False for what the person or a program of theirs has
 * opened, and for browsers that do not tell.
 */
export function isFromOtherSite(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site'];
  return site === 'cross-site' || site === 'same-site';
}
