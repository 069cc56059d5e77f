// Where an issuer's keys are: RFC 8414 metadata, or where there is none the OpenID Connect document.

import { type FetchOptions, type FetchOutcome, fetchJson } from './fetch-json.ts';
import { shown } from './shown.ts';

export type Discovered = { readonly jwksUri: string } | { readonly failure: string };

/** Looks in both places in turn. Another place is tried after any answer, but not where the issuer can't be reached at all. */
export async function discoverJwksUri(
  issuer: string,
  options: FetchOptions,
  places: readonly string[] = metadataUrls(issuer),
): Promise<Discovered> {
  const failures: string[] = [];
  for (const url of places) {
    const outcome = await fetchJson(url, options);
    const found = 'body' in outcome ? readMetadata(url, issuer, outcome.body) : outcome;
    if ('jwksUri' in found) return found;
    failures.push(found.failure);
    if (isUnreachable(outcome)) break;
  }
  return { failure: failures.join('; ') };
}

/** RFC 8414 §3.1 puts the well-known part between host and path, OpenID Connect Discovery §4 behind the path. */
export function metadataUrls(issuer: string): string[] {
  if (!URL.canParse(issuer)) return [issuer];
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ];
}

/** OpenID Shared Signals Framework 1.0 §7.2: between host and path as well. */
export function transmitterMetadataUrls(issuer: string): string[] {
  if (!URL.canParse(issuer)) return [issuer];
  const { origin, pathname } = new URL(issuer);
  return [`${origin}/.well-known/ssf-configuration${pathname.replace(/\/$/, '')}`];
}

function readMetadata(url: string, issuer: string, body: unknown): Discovered {
  const metadata = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  // RFC 8414 §3.3: must be identical, or one tenant of a host could publish metadata in the name of another.
  if (metadata['issuer'] !== issuer) {
    return { failure: `${shown(url)}: issuer is ${shown(metadata['issuer'])}, expected ${shown(issuer)}` };
  }
  const jwksUri = metadata['jwks_uri'];
  return typeof jwksUri === 'string' ? { jwksUri } : { failure: `${shown(url)}: no jwks_uri` };
}

function isUnreachable(outcome: FetchOutcome): boolean {
  return 'failure' in outcome && !outcome.answered;
}
