// Owns what a program may say when it registers itself (RFC 7591 §2), and what becomes of it.

import { DEVICE_GRANT } from '../clients.ts';
import { SCOPES } from '../scopes.ts';
import { readClientName } from './client-name.ts';
import type { RegisteredClient, RegisteredGrant } from './identifier.ts';
import { isAllowedBy } from './redirect-pattern.ts';
import { readRedirectUri } from './redirect-uri.ts';

/** RFC 7591 §3.2.2. The description holds no text of the program's. */
export interface RegistrationProblem {
  readonly error: 'invalid_redirect_uri' | 'invalid_client_metadata';
  readonly description: string;
}

export interface ReadRegistration {
  readonly client: RegisteredClient;
  readonly scope: string;
}

export interface RegistrationRules {
  readonly redirectPatterns: readonly string[];
  /** Whether the device grant is offered. */
  readonly deviceGrant: boolean;
}

const MAX_REDIRECTS = 8;

/** RFC 7591 §2: unknown members are ignored; client_uri, logo_uri and the like are neither kept nor fetched. */
export function readRegistration(
  request: unknown,
  rules: RegistrationRules,
): ReadRegistration | RegistrationProblem {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    return refused('the request is not a JSON object');
  }
  const metadata = request as Readonly<Record<string, unknown>>;
  const fault = faultOfProof(metadata);
  if (fault !== undefined) return refused(fault);
  const grants = readGrants(metadata, rules);
  if (typeof grants === 'string') return refused(grants);
  const redirectUris = readRedirects(metadata['redirect_uris'] ?? [], grants, rules);
  if ('error' in redirectUris) return redirectUris;
  const { client_name: given, scope } = metadata;
  const named = given === undefined ? { name: undefined } : readClientName(given);
  if ('fault' in named) return refused(named.fault);
  if (scope !== undefined && typeof scope !== 'string') return refused('scope is not a text');
  const known = SCOPES.filter((one) => scope === undefined || scope.split(' ').includes(one));
  if (known.length === 0) return refused(`scope holds none that is known here: ${SCOPES.join(' ')}`);
  return { client: { name: named.name, redirectUris, grants }, scope: known.join(' ') };
}

/** What it may use (RFC 7591 §2). Each may ask for a refresh token; the person decides. */
export function grantTypes(grants: readonly RegisteredGrant[]): string[] {
  return [
    ...(grants.includes('code') ? ['authorization_code'] : []),
    ...(grants.includes('device') ? [DEVICE_GRANT] : []),
    'refresh_token',
  ];
}

/** Public native clients only: whoever brings no secret can lose none. */
function faultOfProof(metadata: Readonly<Record<string, unknown>>): string | undefined {
  const { token_endpoint_auth_method: method, application_type: type } = metadata;
  if (method !== undefined && method !== 'none') {
    return 'token_endpoint_auth_method must be none: only public clients may register themselves';
  }
  if (type !== undefined && type !== 'native') {
    return 'application_type must be native: a web application needs an entry by the operator';
  }
  // RFC 9449 §5.2, RFC 8705 §3.4: they would get tokens that do less than they count on.
  for (const bound of ['dpop_bound_access_tokens', 'tls_client_certificate_bound_access_tokens']) {
    if (metadata[bound] === true)
      return `${bound} must be false: SASL takes bearer tokens from such a client`;
  }
  return undefined;
}

function readGrants(
  { grant_types: grants, response_types: responses }: Readonly<Record<string, unknown>>,
  { deviceGrant }: RegistrationRules,
): RegisteredGrant[] | string {
  const known = ['authorization_code', 'refresh_token', ...(deviceGrant ? [DEVICE_GRANT] : [])];
  // RFC 7591 §2: the default.
  const asked: unknown = grants ?? ['authorization_code'];
  if (!Array.isArray(asked) || !asked.every((one) => known.includes(one))) {
    return `grant_types may hold ${known.join(', ')}`;
  }
  const read: RegisteredGrant[] = [
    ...(asked.includes('authorization_code') ? ['code' as const] : []),
    ...(asked.includes(DEVICE_GRANT) ? ['device' as const] : []),
  ];
  if (read.length === 0) return 'grant_types holds none with which a first token can be had';
  const wanted = read.includes('code') ? ['code'] : [];
  const types: unknown = responses ?? wanted;
  // RFC 7591 §2.1: they belong together.
  if (!Array.isArray(types) || types.length !== wanted.length || types[0] !== wanted[0]) {
    return `response_types must be ${JSON.stringify(wanted)} with these grant_types`;
  }
  return read;
}

function readRedirects(
  uris: unknown,
  grants: readonly RegisteredGrant[],
  { redirectPatterns }: RegistrationRules,
): string[] | RegistrationProblem {
  if (!Array.isArray(uris)) return badRedirect('redirect_uris is not a list');
  if (!grants.includes('code')) return [];
  if (uris.length === 0) return badRedirect('redirect_uris is missing');
  if (uris.length > MAX_REDIRECTS) return badRedirect(`redirect_uris holds more than ${MAX_REDIRECTS}`);
  for (const [index, uri] of uris.entries()) {
    const read = readRedirectUri(uri);
    if ('fault' in read) return badRedirect(`redirect_uris[${index}] ${read.fault}`);
    if (!isAllowedBy(redirectPatterns, read)) {
      return badRedirect(`redirect_uris[${index}] is not of a kind that the operator allows`);
    }
  }
  return [...new Set(uris as string[])];
}

function refused(description: string): RegistrationProblem {
  return { error: 'invalid_client_metadata', description };
}

function badRedirect(description: string): RegistrationProblem {
  return { error: 'invalid_redirect_uri', description };
}
