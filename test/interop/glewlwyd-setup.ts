// Owns what an administrator sets up in Glewlwyd by its API: OpenID Connect with logouts, a person, the clients.

import { generateKeyPairSync } from 'node:crypto';

export interface Person {
  readonly login: string;
  readonly password: string;
  readonly address: string;
}

/** A client as the API takes it. */
export type Client = Readonly<Record<string, unknown>> & { readonly client_id: string };

/** An instance of the plugin OpenID Connect; its issuer is `/api/` and its name. */
export interface Instance {
  readonly name: string;
  readonly issuer: string;
  /** Beside its keys and times. */
  readonly parameters: object;
  /** Seconds that an access token lives. */
  readonly lifetime?: number;
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
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    cookie = response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? cookie;
    return text === '' ? undefined : JSON.parse(text);
  };
  await call('POST', '/auth/', ADMINISTRATOR);
  return call;
}

export async function addInstance(call: Call, instance: Instance): Promise<void> {
  await call('POST', '/mod/plugin/', {
    module: 'oidc',
    name: instance.name,
    display_name: 'OpenID Connect',
    enabled: true,
    parameters: { ...ownParameters(instance), ...instance.parameters },
  });
}

export async function addPeople(call: Call, person: Person): Promise<void> {
  for (const name of ['email', 'profile', 'smtp.submit']) {
    await call('POST', '/scope/', { name, display_name: name, password_required: true, password_max_age: 0 });
  }
  await addPerson(call, person);
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
    scope: ['openid', 'email', 'profile', 'smtp.submit', 'g_profile'],
  });
}

function ownParameters({ issuer, lifetime = 3600 }: Instance): object {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    iss: issuer,
    'jwt-type': 'rsa',
    'jwt-key-size': '256',
    key: privateKey.export({ type: 'pkcs1', format: 'pem' }),
    cert: publicKey.export({ type: 'spki', format: 'pem' }),
    'subject-type': 'public',
    'access-token-duration': lifetime,
    'refresh-token-duration': 3600,
    'code-duration': 600,
    'auth-type-implicit-enabled': false,
    'session-cookie-name': 'GLEWLWYD2_OIDC_SID',
    'session-cookie-expiration': 3600,
  };
}

export async function registerClient(call: Call, client: Client): Promise<void> {
  await call('POST', '/client/?source=database', client);
}
