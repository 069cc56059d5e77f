// Owns the requests to one token endpoint: found, asked a few at a time, left alone after a failure.

import {
  allowInsecureRequests,
  Configuration,
  type CustomFetch,
  customFetch,
  genericGrantRequest,
  type ServerMetadata,
  type TokenEndpointResponse,
} from 'openid-client';
import { isRefusal, type Refusal } from '../../refusal.ts';
import { Secret } from '../../setting.ts';
import { discover } from '../discovery.ts';
import { createMetadataCache } from '../metadata-cache.ts';
import { createFetch } from '../request.ts';
import { createClientProof } from './client-proof.ts';
import type { UpstreamOAuthSettings } from './settings.ts';
import { type Failed, failureOf, isFailed, unavailable, unusable } from './token-failure.ts';
import { createTurns } from './turns.ts';

export interface TokenRequest {
  readonly grantType: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Those parameters that must never stand in a reason. */
  readonly secrets: readonly string[];
}

export interface Granted {
  readonly token: Secret;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Milliseconds from the request to the end of the token. */
  readonly lifetime: number;
  /** Where the endpoint has given one. */
  readonly refreshToken: string | undefined;
}

export interface TokenEndpoint {
  /** `make` is given the metadata, and called when its turn has come. */
  request(make: (metadata: ServerMetadata) => Promise<TokenRequest>): Promise<Granted | Failed>;
}

/** Requests under way at once; more wait for their turn. */
const AT_ONCE = 16;
// Milliseconds. RFC 6749 §5.1: expires_in is only recommended; where it is missing, a token is kept for a little while.
const UNSAID_LIFETIME = 300_000;
const LONGEST_LIFETIME = 86_400_000;
/** A longer one fits no reply to a SASL challenge (RFC 4954 §4: 12288 octets of base64). */
const MAX_TOKEN = 12_288;

export function createTokenEndpoint(options: {
  readonly settings: UpstreamOAuthSettings;
  /** Where the settings name none: the one of the service account. */
  readonly address?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly fetch: typeof fetch | undefined;
}): TokenEndpoint {
  const { settings, now } = options;
  const findMetadata = createFinder(options);
  const clientProof = createClientProof(settings, now);
  // A little less than whoever waits has patience for, so that the journal names the address that does not answer.
  const timeout = Math.ceil(settings.timeout * 0.9);
  const requestOptions = { timeout, plainHttp: 'loopback', fetch: options.fetch } as const;
  const send = onlyWhatCounts(createFetch(requestOptions));
  const takeTurn = createTurns(AT_ONCE);
  let rest: { readonly failed: Failed; readonly until: number } | undefined;

  async function attempt(
    make: (metadata: ServerMetadata) => Promise<TokenRequest>,
  ): Promise<Granted | Failed> {
    const metadata = await findMetadata();
    if (isRefusal(metadata)) return unavailable(metadata.reason);
    const configuration = new Configuration(
      metadata,
      // The library wants one; a service account has none, and nothing is sent of it then.
      settings.clientId ?? 'none',
      undefined,
      clientProof(metadata),
    );
    configuration[customFetch] = send;
    // A little later than the limit of createFetch, which has the better words.
    configuration.timeout = Math.ceil(timeout / 1000) + 1;
    // Http is allowed or refused by createFetch, which knows loopback.
    allowInsecureRequests(configuration);
    const { grantType, parameters, secrets } = await make(metadata);
    const askedAt = now();
    const where = addressOf(metadata);
    try {
      return granted(await genericGrantRequest(configuration, grantType, parameters), askedAt, where);
    } catch (error) {
      return failureOf(error, where, [...secrets, ...ownSecrets(settings)]);
    }
  }

  return {
    request: (make) =>
      takeTurn(async () => {
        if (rest !== undefined && now() < rest.until) return { ...rest.failed, pause: rest.until - now() };
        const result = await attempt(make);
        if (isFailed(result) && result.isGeneral) rest = { failed: result, until: now() + result.pause };
        else if (!isFailed(result)) rest = undefined;
        return result;
      }),
  };
}

function createFinder(options: {
  readonly settings: UpstreamOAuthSettings;
  readonly address?: string | undefined;
  readonly now: () => number;
  readonly fetch: typeof fetch | undefined;
}): () => Promise<ServerMetadata | Refusal> {
  const { issuer, tenant, tokenEndpoint, clientId = 'none', timeout } = options.settings;
  if (issuer !== undefined) {
    const registration = { issuer, clientId, timeout, plainHttp: 'loopback', fetch: options.fetch } as const;
    const load = () => discover(registration, ['token_endpoint']);
    return createMetadataCache({ load, now: options.now }).get;
  }
  const address = tokenEndpoint ?? (tenant === undefined ? options.address : tenantEndpoint(tenant));
  if (address === undefined) throw new Error('oauth: no token endpoint is configured');
  const metadata: ServerMetadata = { issuer: address, token_endpoint: address };
  return async () => metadata;
}

/** As it is, and as client_secret_basic has it. */
function ownSecrets({ clientId, clientSecret }: UpstreamOAuthSettings): string[] {
  if (clientSecret === undefined) return [];
  const text = clientSecret.reveal();
  return [text, Buffer.from(`${clientId}:${text}`).toString('base64')];
}

/** Microsoft, "OAuth 2.0 client credentials flow on the Microsoft identity platform": the v2.0 endpoint of a tenant. */
function tenantEndpoint(tenant: string): string {
  return `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`;
}

function addressOf(metadata: ServerMetadata): string {
  const url = new URL(metadata.token_endpoint ?? metadata.issuer);
  return (url.origin + url.pathname).slice(0, 200);
}

/**
 * Takes out of an answer what openid-client would act on and Postern does not want: an ID token, whose issuer is not known
 * here, and a challenge, before which the library would not read the error that the body tells.
 */
function onlyWhatCounts(send: CustomFetch): CustomFetch {
  return async (address, request) => {
    const answer = await send(address, request);
    const headers = new Headers(answer.headers);
    headers.delete('www-authenticate');
    const text = await answer.text();
    return new Response(withoutIdToken(text) || null, { status: answer.status, headers });
  };
}

function withoutIdToken(text: string): string {
  try {
    const { id_token: _, ...rest } = JSON.parse(text);
    return JSON.stringify(rest);
  } catch {
    return text;
  }
}

function granted(response: TokenEndpointResponse, askedAt: number, where: string): Granted | Failed {
  const {
    access_token: token,
    token_type: type,
    expires_in: seconds,
    refresh_token: refreshToken,
  } = response;
  // RFC 9449 §5, RFC 8693 §2.2.1: a DPoP token and one that is no access token (N_A) cannot be shown in SASL.
  if (type !== 'bearer') return unusable(`${where} gave a token that is not a bearer token`);
  // RFC 6750 §2.1; a control character would end the SASL message early.
  if (token.length > MAX_TOKEN || !/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
    return unusable(`${where} gave a token with characters, or of a length, that no upstream takes`);
  }
  const lifetime = Math.min(seconds === undefined ? UNSAID_LIFETIME : seconds * 1000, LONGEST_LIFETIME);
  return { token: new Secret(token), expiresAt: askedAt + lifetime, lifetime, refreshToken };
}
