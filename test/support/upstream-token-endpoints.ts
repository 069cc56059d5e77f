// Scripts of token endpoints that behave as Google's and Microsoft's are documented.
// Each behaviour names its source. IONOS has none: nothing of OAuth was found in its help pages (https://www.ionos.com/help/email/).
// Where a provider documents no text, it is one that its users have quoted in the threads named; such texts may have changed.

import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { parseJwt } from './parsed-jwt.ts';
import {
  type Answer,
  type Asked,
  type Given,
  grant,
  newToken,
  oauthError,
  type Script,
} from './token-endpoint.ts';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export interface GoogleAccount {
  readonly clientEmail: string;
  /** By `kid`. */
  readonly keys: Readonly<Record<string, KeyObject>>;
  /** Scopes that the administrator of the domain has delegated, and the domain's mailboxes. */
  readonly delegated: readonly string[];
  readonly mailboxes: readonly string[];
}

export const GOOGLE_TOKEN_URI = 'https://oauth2.googleapis.com/token';

/** `given` fills up with the tokens that were handed out. */
export function googleTokens(options: {
  readonly accounts?: readonly GoogleAccount[];
  readonly clients?: Readonly<Record<string, string>>;
  /** The mailbox of each live refresh token. */
  readonly refreshTokens?: Map<string, string>;
  readonly given?: Map<string, Given>;
}): Script {
  const { accounts = [], clients = {}, refreshTokens = new Map(), given = new Map() } = options;
  return (asked) => {
    switch (asked.form.get('grant_type')) {
      case JWT_BEARER:
        return serviceAccount(asked, accounts, given);
      case 'refresh_token':
        return googleRefresh(asked, { clients, refreshTokens, given });
      default:
        // RFC 6749 §5.2; Google's own text could not be looked up.
        return oauthError(400, 'unsupported_grant_type', 'Invalid grant_type');
    }
  };
}

/** https://developers.google.com/identity/protocols/oauth2/service-account#httprest: header, claims and answer. */
function serviceAccount(asked: Asked, accounts: readonly GoogleAccount[], given: Map<string, Given>): Answer {
  const jwt = parseJwt(asked.form.get('assertion') ?? '');
  // The text for what is no JWT at all could not be looked up.
  if (jwt === undefined) return oauthError(400, 'invalid_grant', 'Invalid JWT');
  const { header, claims } = jwt;
  const account = accounts.find(({ clientEmail }) => clientEmail === claims['iss']);
  // https://github.com/googleapis/google-api-nodejs-client/issues/540 (its text could not be looked up).
  if (account === undefined) return oauthError(400, 'invalid_grant', 'Invalid grant: account not found');
  const key = account.keys[String(header['kid'])];
  if (header['alg'] !== 'RS256' || key === undefined || !jwt.isSignedBy(key)) {
    // https://github.com/googleapis/google-cloud-python/issues/10004
    return oauthError(400, 'invalid_grant', 'Invalid JWT Signature.');
  }
  if (claims['aud'] !== GOOGLE_TOKEN_URI)
    return oauthError(400, 'invalid_grant', 'Invalid JWT: wrong audience');
  const [iat, exp] = [Number(claims['iat']), Number(claims['exp'])];
  const age = Date.now() / 1000 - iat;
  if (!(exp - iat <= 3600) || !(Math.abs(age) <= 300)) {
    // https://github.com/SteveWinward/GoogleSheetsWrapper/issues/42
    return oauthError(
      400,
      'invalid_grant',
      'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
    );
  }
  const scopes = String(claims['scope'] ?? '').split(' ');
  const mailbox = String(claims['sub']);
  if (!scopes.every((scope) => account.delegated.includes(scope)) || !/@/.test(mailbox)) {
    // 401: https://github.com/hlavki/g-suite-identity-sync/issues/7; text: googleapis/google-api-php-client/issues/1620
    return oauthError(
      401,
      'unauthorized_client',
      'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
    );
  }
  // The text for a mailbox that there is not is known from memory only.
  if (!account.mailboxes.includes(mailbox))
    return oauthError(400, 'invalid_grant', 'Invalid email or User ID');
  return grant('ya29.', given, { mailbox, scope: scopes.join(' ') }, { expires_in: 3599 });
}

/** https://developers.google.com/identity/protocols/oauth2/web-server#offline: the answer holds no new refresh token. */
function googleRefresh(
  asked: Asked,
  state: {
    readonly clients: Readonly<Record<string, string>>;
    readonly refreshTokens: ReadonlyMap<string, string>;
    readonly given: Map<string, Given>;
  },
): Answer {
  const { clientId = '', clientSecret } = asked;
  if (state.clients[clientId] === undefined || state.clients[clientId] !== clientSecret) {
    // The status and error are RFC 6749 §5.2; Google's text is known from memory only.
    return oauthError(401, 'invalid_client', 'The OAuth client was not found.');
  }
  const mailbox = state.refreshTokens.get(asked.form.get('refresh_token') ?? '');
  // https://github.com/dolfim/django-gmailapi-backend/issues/9
  if (mailbox === undefined) return oauthError(400, 'invalid_grant', 'Token has been expired or revoked.');
  const scope = 'https://mail.google.com/';
  return grant('ya29.', state.given, { mailbox, scope }, { expires_in: 3599, scope });
}

export interface MicrosoftApp {
  readonly secret?: string;
  readonly certificate?: string;
}

/** The v2.0 endpoint of one tenant. */
export function microsoftTokens(options: {
  readonly tenant: string;
  readonly apps: Readonly<Record<string, MicrosoftApp>>;
  readonly refreshTokens?: Map<string, string>;
  /** The mailbox of each user's token that may be exchanged. */
  readonly userTokens?: ReadonlyMap<string, string>;
  readonly given?: Map<string, Given>;
}): Script {
  const { tenant, apps, refreshTokens = new Map(), userTokens = new Map(), given = new Map() } = options;
  return (asked) => {
    const [, named] = /^\/([^/]+)\/oauth2\/v2\.0\/token$/.exec(asked.path) ?? [];
    if (named !== tenant) {
      // https://github.com/microsoftarchive/BatchAI/pull/31 has invalid_request, newer threads invalid_tenant.
      return aadsts(
        400,
        'invalid_request',
        90002,
        `Tenant '${named}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
      );
    }
    const no = refuseApp(asked, apps, tenant);
    if (no !== undefined) return no;
    const scope = asked.form.get('scope') ?? '';
    if (asked.form.get('grant_type') === 'client_credentials' && !scope.endsWith('/.default')) {
      // https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response-1
      return aadsts(
        400,
        'invalid_scope',
        70011,
        `The provided value for the input parameter 'scope' is not valid. The scope ${scope} is not valid.`,
      );
    }
    // ext_expires_in: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    const more = { expires_in: 3599, ext_expires_in: 3599 };
    switch (asked.form.get('grant_type')) {
      case 'client_credentials':
        return grant('eyJ', given, { mailbox: undefined, scope }, more);
      case 'refresh_token': {
        const mailbox = refreshTokens.get(asked.form.get('refresh_token') ?? '');
        if (mailbox === undefined) {
          // https://github.com/microsoft/azuredatastudio/issues/15331
          return aadsts(
            400,
            'invalid_grant',
            700082,
            'The refresh token has expired due to inactivity. The token was issued on 2020-12-24T19:24:03.9196643Z and was inactive for 90.00:00:00.',
          );
        }
        // https://learn.microsoft.com/entra/identity-platform/refresh-tokens: a fresh one upon every use, the old ones live on.
        const next = newToken('0.');
        refreshTokens.set(next, mailbox);
        return grant('eyJ', given, { mailbox, scope }, { ...more, refresh_token: next, scope });
      }
      case JWT_BEARER: {
        // https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow
        const mailbox = userTokens.get(asked.form.get('assertion') ?? '');
        if (asked.form.get('requested_token_use') !== 'on_behalf_of' || mailbox === undefined) {
          // https://github.com/microsoftgraph/msgraph-sdk-php/issues/1585
          return aadsts(
            400,
            'invalid_grant',
            50013,
            'Assertion failed signature validation. [Reason - The key was not found.]',
          );
        }
        return grant('eyJ', given, { mailbox, scope }, { ...more, scope });
      }
      default:
        return aadsts(400, 'unsupported_grant_type', 70003, 'The app requested an unsupported grant type.');
    }
  };
}

/** Body and header: https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/2855 */
export const MICROSOFT_THROTTLED: Answer = {
  status: 429,
  headers: { 'retry-after': '60' },
  body: 'Too Many Requests',
};

function refuseApp(
  asked: Asked,
  apps: Readonly<Record<string, MicrosoftApp>>,
  tenant: string,
): Answer | undefined {
  const { clientId = '', clientSecret, form } = asked;
  const app = apps[clientId];
  if (app === undefined) {
    // Text: https://github.com/donwa/oneindex/issues/621; error and status: RFC 6749 §5.2 has them so.
    return aadsts(
      400,
      'unauthorized_client',
      700016,
      `Application with identifier '${clientId}' was not found in the directory '${tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
    );
  }
  const assertion = form.get('client_assertion');
  if (assertion !== null) {
    return isClientAssertion(assertion, { clientId, tenant, app })
      ? undefined
      : // https://github.com/keycloak/keycloak/issues/19425
        aadsts(
          401,
          'invalid_client',
          700027,
          'The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]',
        );
  }
  if (app.secret !== undefined && clientSecret === app.secret) return undefined;
  // https://github.com/OfficeDev/microsoft-365-agents-toolkit/issues/8621
  return aadsts(
    401,
    'invalid_client',
    7000215,
    `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
  );
}

/** https://learn.microsoft.com/entra/identity-platform/certificate-credentials: PS256, x5t#S256, aud the token endpoint. */
function isClientAssertion(
  assertion: string,
  given: { readonly clientId: string; readonly tenant: string; readonly app: MicrosoftApp },
): boolean {
  const { clientId, tenant, app } = given;
  const jwt = parseJwt(assertion);
  if (jwt === undefined || app.certificate === undefined) return false;
  const certificate = new X509Certificate(app.certificate);
  const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url');
  const { header, claims } = jwt;
  const now = Date.now() / 1000;
  return (
    header['alg'] === 'PS256' &&
    header['typ'] === 'JWT' &&
    header['x5t#S256'] === thumbprint &&
    claims['aud'] === `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token` &&
    claims['iss'] === clientId &&
    claims['sub'] === clientId &&
    typeof claims['jti'] === 'string' &&
    Number(claims['nbf']) <= now + 300 &&
    Number(claims['exp']) > now &&
    Number(claims['exp']) <= Number(claims['nbf']) + 600 &&
    jwt.isSignedBy(certificate.publicKey)
  );
}

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes#handling-error-codes-in-your-application */
function aadsts(status: number, error: string, code: number, text: string): Answer {
  const ids = {
    trace_id: '255d1aef-8c98-452f-ac51-23d051240864',
    correlation_id: 'fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7',
  };
  const description = `AADSTS${code}: ${text}\r\nTrace ID: ${ids.trace_id}\r\nCorrelation ID: ${ids.correlation_id}\r\nTimestamp: 2016-01-09 02:02:12Z`;
  return oauthError(status, error, description, {
    error_codes: [code],
    timestamp: '2016-01-09 02:02:12Z',
    ...ids,
    error_uri: `https://login.microsoftonline.com/error?code=${code}`,
  });
}
