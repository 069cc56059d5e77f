// Owns what a document about a program may say (draft-ietf-oauth-client-id-metadata-document-02 §4), and what becomes of it.

import { readClientName } from './client-name.ts';
import { isAllowedBy } from './redirect-pattern.ts';
import { readRedirectUri } from './redirect-uri.ts';

export interface DescribedClient {
  /** Undefined where it gives none that can be shown; its host is shown in any case. */
  readonly name: string | undefined;
  /** Never empty. */
  readonly redirectUris: readonly string[];
}

export interface DocumentFault {
  readonly fault: string;
}

const MAX_REDIRECTS = 32;

/**
 * The document is meant for every server there is: redirects and grants that Postern does not allow are left out, not
 * reproached.
 */
export function readDocument(
  text: string,
  { address, redirectPatterns }: { readonly address: URL; readonly redirectPatterns: readonly string[] },
): DescribedClient | DocumentFault {
  const document = parse(text);
  if (document === undefined) return { fault: 'is not a JSON object' };
  // RFC 3986 §6.2.1, simple string comparison: whose document it is decides who vouches for the program.
  if (document['client_id'] !== address.href) return { fault: 'has another client_id than its address' };
  const { token_endpoint_auth_method: method } = document;
  if (method !== undefined && method !== 'none') {
    return { fault: 'has a token_endpoint_auth_method other than none' };
  }
  // A secret that anybody can read is none.
  if ('client_secret' in document || 'client_secret_expires_at' in document) {
    return { fault: 'holds a client_secret' };
  }
  const grants = document['grant_types'] ?? ['authorization_code'];
  if (!Array.isArray(grants) || !grants.includes('authorization_code')) {
    return { fault: 'has no authorization_code among its grant_types' };
  }
  const { redirect_uris: redirects } = document;
  if (!Array.isArray(redirects) || redirects.length > MAX_REDIRECTS) {
    return { fault: `has no redirect_uris, or more than ${MAX_REDIRECTS}` };
  }
  const allowed = redirects.filter((uri): uri is string => {
    const read = readRedirectUri(uri);
    return !('fault' in read) && isAllowedBy(redirectPatterns, read, address.origin);
  });
  if (allowed.length === 0) return { fault: 'has no redirect URI of a kind that the operator allows' };
  const named = readClientName(document['client_name']);
  return { name: 'fault' in named ? undefined : named.name, redirectUris: [...new Set(allowed)] };
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
