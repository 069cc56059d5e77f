// Owns what each grant asks a token endpoint for, and which requests for a token may share one.

import { createHash } from 'node:crypto';
import type { ServerMetadata } from 'openid-client';
import { signAssertion } from '../../client-proof/assertion.ts';
import { type Refusal, refuse } from '../../refusal.ts';
import type { Secret } from '../../setting.ts';
import { audienceOf, clientKeyOf } from './client-proof.ts';
import { createRefreshTokenGrant } from './refresh-token-grant.ts';
import { readServiceAccount, type ServiceAccount } from './service-account.ts';
import type { UpstreamOAuthSettings } from './settings.ts';
import type { Granted, TokenEndpoint, TokenRequest } from './token-endpoint.ts';
import type { Failed } from './token-failure.ts';

/** Who a token is wanted for. */
export interface Wanted {
  readonly mailbox: string;
  readonly userToken: Secret | undefined;
}

export interface Grant {
  /** Requests of the same key get the same token; no secret stands in it. */
  keyOf(wanted: Wanted): string | Refusal;
  fetchToken(wanted: Wanted): Promise<Granted | Failed>;
}

export interface GrantOptions {
  readonly settings: UpstreamOAuthSettings;
  readonly endpoint: TokenEndpoint;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of what goes wrong while tokens are to be had all the same. */
  readonly report: (refusal: Refusal) => void;
}

export function createGrant(options: GrantOptions): Grant {
  const { settings, endpoint } = options;
  switch (settings.grant) {
    case 'client-credentials':
      return {
        keyOf: () => '',
        fetchToken: () =>
          endpoint.request(async () => ({
            grantType: 'client_credentials',
            parameters: commonParameters(settings),
            secrets: [],
          })),
      };
    case 'refresh-token':
      return createRefreshTokenGrant(options, commonParameters(settings));
    case 'jwt-bearer':
      return createJwtBearerGrant(options);
    case 'token-exchange':
      return forUserToken(endpoint, (userToken) => exchange(settings, userToken));
    case 'on-behalf-of':
      return forUserToken(endpoint, (userToken) => onBehalfOf(settings, userToken));
    case 'pass-through':
      throw new Error('oauth: pass-through fetches no token');
  }
}

/** The account whose key file the operator has given; throws where it cannot be used. */
export function serviceAccountOf(settings: UpstreamOAuthSettings): ServiceAccount | undefined {
  if (settings.serviceAccount === undefined) return undefined;
  const account = readServiceAccount(settings.serviceAccount.reveal());
  if (typeof account === 'string') throw new Error(`oauth: serviceAccount ${account}`);
  return account;
}

function commonParameters(settings: UpstreamOAuthSettings): Record<string, string> {
  const { scopes, audience, resource } = settings;
  return {
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    ...(audience === undefined ? {} : { audience }),
    ...(resource === undefined ? {} : { resource }),
  };
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
// Seconds. Google, "Using OAuth 2.0 for Server to Server Applications": one hour at most, and as its own libraries have it.
const SERVICE_ACCOUNT_LIFETIME = 3600;
const ASSERTION_LIFETIME = 300;

/** RFC 7523 §2.1: an assertion of Postern's own that names the mailbox. */
function createJwtBearerGrant({ settings, endpoint, now }: GrantOptions): Grant {
  const account = serviceAccountOf(settings);
  const signingKey = account?.signingKey ?? clientKeyOf(settings);
  if (signingKey === undefined) throw new Error('oauth: jwt-bearer has no key to sign with');
  const scope = settings.scopes.join(' ');

  async function make(metadata: ServerMetadata, mailbox: string): Promise<TokenRequest> {
    const assertion = await signAssertion({
      // Known by now: otherwise this function would have thrown above.
      signingKey: signingKey as NonNullable<typeof signingKey>,
      issuer: account?.clientEmail ?? settings.clientId ?? '',
      subject: mailbox,
      audience: account?.tokenUri ?? audienceOf(settings, metadata),
      // Google reads the scope here; RFC 7523 §2.1 has it beside the assertion.
      claims: scope === '' ? {} : { scope },
      lifetime: account === undefined ? ASSERTION_LIFETIME : SERVICE_ACCOUNT_LIFETIME,
      now: now(),
    });
    const others = account === undefined ? commonParameters(settings) : {};
    return { grantType: JWT_BEARER, parameters: { ...others, assertion }, secrets: [assertion] };
  }

  return {
    keyOf: ({ mailbox }) =>
      mailbox === ''
        ? refuse('upstream-login', 'jwt-bearer: there is no mailbox to ask a token for; the sender is empty')
        : mailbox,
    fetchToken: ({ mailbox }) => endpoint.request((metadata) => make(metadata, mailbox)),
  };
}

function forUserToken(endpoint: TokenEndpoint, make: (userToken: string) => TokenRequest): Grant {
  return {
    keyOf: ({ userToken }) =>
      userToken === undefined
        ? refuse('upstream-login', 'the client has not signed in with a token that could be exchanged')
        : createHash('sha256').update(userToken.reveal()).digest('base64url'),
    fetchToken: ({ userToken }) => endpoint.request(async () => make(userToken?.reveal() ?? '')),
  };
}

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** RFC 8693 §2.1. */
function exchange(settings: UpstreamOAuthSettings, userToken: string): TokenRequest {
  return {
    grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
    parameters: {
      ...commonParameters(settings),
      subject_token: userToken,
      subject_token_type: ACCESS_TOKEN,
      requested_token_type: ACCESS_TOKEN,
    },
    secrets: [userToken],
  };
}

/** Microsoft, "Microsoft identity platform and OAuth2.0 On-Behalf-Of flow". */
function onBehalfOf(settings: UpstreamOAuthSettings, userToken: string): TokenRequest {
  return {
    grantType: JWT_BEARER,
    parameters: {
      ...commonParameters(settings),
      assertion: userToken,
      requested_token_use: 'on_behalf_of',
    },
    secrets: [userToken],
  };
}
