// Where an issuer's keys and endpoints are: RFC 8414 metadata, or where there is none the OpenID Connect document.

import { shownName } from '../shown.ts';
import { type FetchOptions, type FetchOutcome, fetchJson } from './fetch-json.ts';

export type Discovered = { readonly jwksUri: string } | { readonly failure: string };

/** Where its keys are. */
export async function discoverJwksUri(
  issuer: string,
  options: FetchOptions,
  places: readonly string[] = metadataUrls(issuer),
): Promise<Discovered> {
  const found = await discoverUrl({ issuer, member: 'jwks_uri', places }, options);
  return 'url' in found ? { jwksUri: found.url } : found;
}

/**
 * The URL that a member of its metadata holds. Looks in all places in turn: another is tried after any answer, but not where the
 * issuer can't be reached at all.
 */
export async function discoverUrl(
  wanted: { issuer: string; member: 'jwks_uri' | 'introspection_endpoint'; places?: readonly string[] },
  options: FetchOptions,
): Promise<{ readonly url: string } | { readonly failure: string }> {
  const { issuer, member, places = metadataUrls(issuer) } = wanted;
  const failures: string[] = [];
  for (const url of places) {
    const outcome = await fetchJson(url, options);
    const found = 'body' in outcome ? readMetadata(url, { issuer, member }, outcome.body) : outcome;
    if ('url' in found) return found;
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

function readMetadata(
  url: string,
  { issuer, member }: { issuer: string; member: string },
  body: unknown,
): { readonly url: string } | { readonly failure: string } {
  const metadata = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  // RFC 8414 §3.3: must be identical, or one tenant of a host could publish metadata in the name of another.
  if (metadata['issuer'] !== issuer) {
    return {
      failure: `${shownName(url)}: issuer is ${shownName(metadata['issuer'])}, expected ${shownName(issuer)}`,
    };
  }
  const found = metadata[member];
  return typeof found === 'string' ? { url: found } : { failure: `${shownName(url)}: no ${member}` };
}

function isUnreachable(outcome: FetchOutcome): boolean {
  return 'failure' in outcome && !outcome.answered;
}
