// An identity provider that does as a test tells it, on a port of its own: right by default, wrong on demand.

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
}

type Claims = Record<string, unknown>;

/** What a test may change; each field is read anew at every request. */
export interface Behaviour {
  metadata: Claims;
  idToken: Claims;
  idTokenHeader: Claims;
  userinfo: Claims;
  /** Query of the redirect back, beside code, state and iss. An undefined value takes a parameter away. */
  callback: Record<string, string | undefined>;
  /** Takes over the answer for a path; nothing returned leaves it as it is. 'hang' never answers, 'cut' drops the line. */
  answer: (path: string, form: URLSearchParams) => Answer | 'hang' | 'cut' | undefined;
  tokens: Claims;
}

export interface SeenRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly form: URLSearchParams;
}

export interface FakeIdentityProvider {
  readonly issuer: string;
  readonly behaviour: Behaviour;
  readonly requests: SeenRequest[];
  count(path: string): number;
  /** Follows an authorization URL as a browser of a signed-in person would; resolves where it ends. */
  browse(url: URL): Promise<URL>;
  /** Whether a refresh token would still be taken. */
  isLive(refreshToken: string): boolean;
  rotateKey(): void;
  close(): Promise<void>;
}

export async function startFakeIdentityProvider(port = 0): Promise<FakeIdentityProvider> {
  const requests: SeenRequest[] = [];
  const codes = new Map<string, URLSearchParams>();
  const refreshTokens = new Map<string, { grant: string; isLive: boolean }>();
  let tokenCount = 0;
  let key = newKey();
  const behaviour: Behaviour = {
    metadata: {},
    idToken: {},
    idTokenHeader: {},
    userinfo: {},
    callback: {},
    answer: () => undefined,
    tokens: {},
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', issuer);
    const form = new URLSearchParams(request.method === 'POST' ? await read(request) : url.search);
    requests.push({ path: url.pathname, method: request.method ?? '', headers: request.headers, form });
    const special = behaviour.answer(url.pathname, form);
    if (special === 'hang') return;
    if (special === 'cut') return void request.socket.destroy();
    send(response, special ?? regular(url.pathname, form));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function regular(path: string, form: URLSearchParams): Answer {
    switch (path) {
      case '/.well-known/openid-configuration':
        return { body: { ...standardMetadata(issuer), ...behaviour.metadata } };
      case '/jwks':
        return { body: { keys: [key.publicJwk] } };
      case '/authorize':
        return authorize(form);
      case '/token':
        return token(form);
      case '/revoke':
        return revoke(form);
      case '/userinfo':
        return { body: { sub: 'u1', ...behaviour.userinfo } };
      default:
        return { status: 404, body: { error: 'not_found' } };
    }
  }

  function authorize(form: URLSearchParams): Answer {
    const code = `code-${codes.size + 1}-0123456789abcdef`;
    codes.set(code, form);
    const back = new URL(form.get('redirect_uri') ?? '');
    const query = { code, state: form.get('state') ?? '', iss: issuer, ...behaviour.callback };
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) back.searchParams.set(name, value);
    return { status: 303, headers: { location: back.href } };
  }

  function token(form: URLSearchParams): Answer {
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return redeem(form);
      case 'refresh_token':
        return refresh(form);
      case 'client_credentials':
        return { body: { ...newTokens(undefined), scope: form.get('scope') ?? '' } };
      default:
        return { status: 400, body: { error: 'unsupported_grant_type' } };
    }
  }

  function redeem(form: URLSearchParams): Answer {
    const asked = codes.get(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (asked === undefined || asked.get('code_challenge') !== challenge) return INVALID_GRANT;
    codes.delete(form.get('code') ?? '');
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      sub: 'u1',
      aud: asked.get('client_id'),
      iat: now,
      exp: now + 300,
      nonce: asked.get('nonce') ?? undefined,
      email: 'alice@example.org',
      email_verified: true,
      ...behaviour.idToken,
    };
    const scopes = asked.get('scope')?.split(' ') ?? [];
    const idToken = signJwt(
      { alg: 'ES256', kid: key.id, ...behaviour.idTokenHeader },
      claims,
      key.privateKey,
    );
    const grant = scopes.includes('offline_access') ? `grant-${codes.size}-${Math.random()}` : undefined;
    const more = scopes.includes('openid') ? { id_token: idToken } : {};
    return { body: { ...newTokens(grant), ...more, ...behaviour.tokens } };
  }

  /** Rotates; a refresh token used a second time ends its whole grant (RFC 9700 §4.14.2). */
  function refresh(form: URLSearchParams): Answer {
    const used = refreshTokens.get(form.get('refresh_token') ?? '');
    if (used === undefined || !used.isLive) {
      for (const other of refreshTokens.values()) if (other.grant === used?.grant) other.isLive = false;
      return INVALID_GRANT;
    }
    used.isLive = false;
    return { body: { ...newTokens(used.grant), ...behaviour.tokens } };
  }

  function newTokens(grant: string | undefined): Claims {
    tokenCount += 1;
    const tokens = { access_token: `access-token-${tokenCount}`, token_type: 'Bearer', expires_in: 900 };
    if (grant === undefined) return tokens;
    refreshTokens.set(`refresh-token-${tokenCount}`, { grant, isLive: true });
    return { ...tokens, refresh_token: `refresh-token-${tokenCount}` };
  }

  function revoke(form: URLSearchParams): Answer {
    const named = refreshTokens.get(form.get('token') ?? '');
    for (const other of refreshTokens.values()) if (other.grant === named?.grant) other.isLive = false;
    return { status: 200, body: '' };
  }

  return {
    issuer,
    behaviour,
    requests,
    count: (path) => requests.filter((request) => request.path === path).length,
    async browse(url) {
      const answer = await fetch(url, { redirect: 'manual' });
      await answer.arrayBuffer();
      return new URL(answer.headers.get('location') ?? '');
    },
    isLive: (refreshToken) => refreshTokens.get(refreshToken)?.isLive === true,
    rotateKey() {
      key = newKey();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const INVALID_GRANT: Answer = { status: 400, body: { error: 'invalid_grant' } };

export const DISCOVERY_PATH = '/.well-known/openid-configuration';

function standardMetadata(issuer: string): Claims {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    revocation_endpoint: `${issuer}/revoke`,
    jwks_uri: `${issuer}/jwks`,
    id_token_signing_alg_values_supported: ['ES256'],
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    authorization_response_iss_parameter_supported: true,
  };
}

let keyCount = 0;

function newKey(): { id: string; privateKey: KeyObject; publicJwk: Claims } {
  keyCount += 1;
  const id = `key-${keyCount}`;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicJwk = { ...publicKey.export({ format: 'jwk' }), kid: id, use: 'sig', alg: 'ES256' };
  return { id, privateKey, publicJwk };
}

export function signJwt(header: Claims, claims: Claims, key: KeyObject): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode(header)}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

async function read(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

function send(response: ServerResponse, answer: Answer): void {
  const isText = typeof answer.body === 'string';
  response.writeHead(answer.status ?? 200, {
    'content-type': isText ? 'text/html' : 'application/json',
    ...answer.headers,
  });
  response.end(isText ? (answer.body as string) : JSON.stringify(answer.body ?? {}));
}
