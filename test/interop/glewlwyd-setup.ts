// Owns what an administrator sets up in Glewlwyd by its API: OpenID Connect with logouts, a person, the clients.

import { generateKeyPairSync } from 'node:crypto';

export interface Person {
  readonly login: string;
  readonly password: string;
  readonly address: string;
}

export interface Client {
  readonly id: string;
  readonly name: string;
  readonly secret: string;
  readonly redirectUri: string;
  readonly backChannelLogoutUri?: string;
}

/** One call of the API; rejects with what it says where that is no success. */
export type Call = (method: string, path: string, body?: unknown) => Promise<unknown>;

/** The one account of a new database. */
const ADMINISTRATOR = { username: 'admin', password: 'password' };

export async function signInAsAdministrator(api: string): Promise<Call> {
  let cookie = '';
  const call: Call = async (method, path, body) => {
    const response = await fetch(`${api}${path}`, {
      method,
      headers: { cookie, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    cookie = response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? cookie;
    return text === '' ? undefined : JSON.parse(text);
  };
  await call('POST', '/auth/', ADMINISTRATOR);
  return call;
}

export async function setUp(call: Call, given: { issuer: string; person: Person }): Promise<void> {
  for (const name of ['email', 'profile']) {
    await call('POST', '/scope/', { name, display_name: name, password_required: true, password_max_age: 0 });
  }
  await addPerson(call, given.person);
  await call('POST', '/mod/plugin/', {
    module: 'oidc',
    name: 'oidc',
    display_name: 'OpenID Connect',
    enabled: true,
    parameters: openidConnect(given.issuer),
  });
}

async function addPerson(call: Call, person: Person): Promise<void> {
  // That an address is verified is a property which its database does not know by itself.
  const people = (await call('GET', '/mod/user/database')) as {
    parameters: { 'data-format': Record<string, unknown> };
  };
  people.parameters['data-format']['verified'] = { multiple: false, read: true, write: true };
  await call('PUT', '/mod/user/database', people);
  await call('PUT', '/mod/user/database/reset');
  await call('POST', '/user/?source=database', {
    username: person.login,
    name: 'Dana Example',
    password: person.password,
    email: person.address,
    verified: 'yes',
    enabled: true,
    scope: ['openid', 'email', 'profile', 'g_profile'],
  });
}

function openidConnect(issuer: string): object {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    iss: issuer,
    'jwt-type': 'rsa',
    'jwt-key-size': '256',
    key: privateKey.export({ type: 'pkcs1', format: 'pem' }),
    cert: publicKey.export({ type: 'spki', format: 'pem' }),
    'jwks-show': true,
    'subject-type': 'public',
    'access-token-duration': 3600,
    'refresh-token-duration': 3600,
    'code-duration': 600,
    'auth-type-code-enabled': true,
    'auth-type-implicit-enabled': false,
    'auth-type-refresh-enabled': true,
    'pkce-allowed': true,
    'session-management-allowed': true,
    'session-cookie-name': 'GLEWLWYD2_OIDC_SID',
    'session-cookie-expiration': 3600,
    'back-channel-logout-allowed': true,
    // Without it the page that ends a session finds no clients to show and stops.
    'front-channel-logout-allowed': true,
    'name-claim': 'mandatory',
    'email-claim': 'mandatory',
    claims: [
      {
        name: 'email_verified',
        'user-property': 'verified',
        type: 'boolean',
        'boolean-value-true': 'yes',
        'boolean-value-false': 'no',
        mandatory: true,
        scope: [],
      },
    ],
  };
}

export async function registerClient(call: Call, client: Client): Promise<void> {
  const { backChannelLogoutUri } = client;
  await call('POST', '/client/?source=database', {
    client_id: client.id,
    name: client.name,
    confidential: true,
    enabled: true,
    password: client.secret,
    client_secret: client.secret,
    redirect_uri: [client.redirectUri],
    authorization_type: ['code'],
    token_endpoint_auth_method: ['client_secret_basic'],
    scope: [],
    ...(backChannelLogoutUri !== undefined && {
      backchannel_logout_uri: backChannelLogoutUri,
      // Its database knows texts only.
      backchannel_logout_session_required: 'true',
    }),
  });
}
