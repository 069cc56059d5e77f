// The token endpoints of Google and of Microsoft Entra ID as their documentation describes them, over HTTP on loopback.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, importSPKI, jwtVerify } from 'jose';
import type { IssuedTokens } from './issued-tokens.ts';

export interface ScriptedTokenEndpoint {
  /** In the place of which URL of the provider it stands. */
  readonly standsFor: string;
  readonly url: string;
  /** Form parameters of each request, oldest first. */
  readonly requests: URLSearchParams[];
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const HOUR = 3600;
const GOOGLE = 'https://oauth2.googleapis.com/token';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export interface GoogleClient {
  readonly tokens: IssuedTokens;
  readonly client?: { readonly id: string; readonly secret: string };
  /** What somebody has consented to; a `let` of the test may change it. */
  readonly refreshTokens?: ReadonlyMap<string, string>;
  readonly serviceAccount?: {
    readonly email: string;
    /** PEM, SPKI. */
    readonly publicKey: string;
    /** Users of the domain. */
    readonly users: readonly string[];
    /** Scopes that the domain’s administrator has granted to the account. */
    readonly scopes: readonly string[];
  };
}

/**
 * https://developers.google.com/identity/protocols/oauth2/web-server#offline (refresh tokens) and
 * https://developers.google.com/identity/protocols/oauth2/service-account (assertions, with the errors at its end).
 */
export function startGoogleTokens(given: GoogleClient): Promise<ScriptedTokenEndpoint> {
  const token = (mailbox: string): Answer => ({
    status: 200,
    body: {
      access_token: given.tokens.issue(mailbox),
      expires_in: HOUR - 1,
      scope: 'https://mail.google.com/',
      token_type: 'Bearer',
    },
  });

  function byRefreshToken(form: URLSearchParams, request: IncomingMessage): Answer {
    if (!isClient(request, form, given.client)) {
      return {
        status: 401,
        body: { error: 'invalid_client', error_description: 'The OAuth client was not found.' },
      };
    }
    const mailbox = given.refreshTokens?.get(form.get('refresh_token') ?? '');
    if (mailbox !== undefined) return token(mailbox);
    return {
      status: 400,
      body: { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' },
    };
  }

  async function byAssertion(assertion: string): Promise<Answer> {
    const account = given.serviceAccount;
    const invalid = (text: string): Answer => ({
      status: 400,
      body: { error: 'invalid_grant', error_description: text },
    });
    const { iss, sub = '', scope = '', iat = 0, exp = 0 } = decodeJwt<{ scope?: string }>(assertion);
    if (account === undefined || iss !== account.email) return invalid('Not a valid email or user ID.');
    if (exp - iat > HOUR) return invalid('Invalid JWT: Token must be a short-lived token');
    try {
      await jwtVerify(assertion, await importSPKI(account.publicKey, 'RS256'), { audience: GOOGLE });
    } catch {
      return invalid('Invalid JWT Signature.');
    }
    if (scope === '' || !scope.split(' ').every((each) => account.scopes.includes(each))) {
      const text =
        'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.';
      return { status: 401, body: { error: 'unauthorized_client', error_description: text } };
    }
    return account.users.includes(sub) ? token(sub) : invalid('Invalid email or User ID');
  }

  return startEndpoint(GOOGLE, (form, request) => {
    switch (form.get('grant_type')) {
      case 'refresh_token':
        return byRefreshToken(form, request);
      case JWT_BEARER:
        return byAssertion(form.get('assertion') ?? '');
      default:
        return {
          status: 400,
          body: { error: 'unsupported_grant_type', error_description: 'Invalid grant_type' },
        };
    }
  });
}

/**
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow; the errors are of
 * https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
 */
export function startMicrosoftTokens(given: {
  tokens: IssuedTokens;
  tenant: string;
  client: { id: string; secret: string };
}): Promise<ScriptedTokenEndpoint> {
  const no = (status: number, error: string, code: number, text: string): Answer => ({
    status,
    body: { error, error_description: `AADSTS${code}: ${text}`, error_codes: [code] },
  });
  return startEndpoint(
    `https://login.microsoftonline.com/${given.tenant}/oauth2/v2.0/token`,
    (form, request) => {
      const id = clientId(request, form);
      if (form.get('grant_type') !== 'client_credentials')
        return no(400, 'unsupported_grant_type', 70003, 'The app requested an unsupported grant type.');
      if (id !== given.client.id)
        return no(
          400,
          'unauthorized_client',
          700016,
          `Application with identifier '${id}' was not found in the directory.`,
        );
      if (!isClient(request, form, given.client))
        return no(401, 'invalid_client', 7000215, 'Invalid client secret provided.');
      if (form.get('scope') !== 'https://outlook.office365.com/.default')
        return no(
          400,
          'invalid_scope',
          70011,
          'The provided value for the input parameter scope is not valid.',
        );
      return {
        status: 200,
        body: {
          token_type: 'Bearer',
          expires_in: HOUR - 1,
          ext_expires_in: HOUR - 1,
          access_token: given.tokens.issue(undefined),
        },
      };
    },
  );
}

async function startEndpoint(
  standsFor: string,
  answer: (form: URLSearchParams, request: IncomingMessage) => Answer | Promise<Answer>,
): Promise<ScriptedTokenEndpoint> {
  const requests: URLSearchParams[] = [];
  const { pathname } = new URL(standsFor);
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const form = new URLSearchParams(Buffer.concat(pieces).toString());
    requests.push(form);
    const { status, body } =
      request.url === pathname ? await answer(form, request) : { status: 404, body: { error: 'not_found' } };
    response.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    response.end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    standsFor,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** RFC 6749 §2.3.1: in the header or in the body; both take both. */
function isClient(
  request: IncomingMessage,
  form: URLSearchParams,
  client: { readonly id: string; readonly secret: string } | undefined,
): boolean {
  const secret = inHeader(request)[1] ?? form.get('client_secret');
  return client !== undefined && clientId(request, form) === client.id && secret === client.secret;
}

const clientId = (request: IncomingMessage, form: URLSearchParams): string =>
  inHeader(request)[0] ?? form.get('client_id') ?? '';

function inHeader(request: IncomingMessage): string[] {
  const [, basic] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  if (basic === undefined) return [];
  return Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent);
}
