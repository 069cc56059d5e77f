import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AuthorizationSettings } from '../../../../src/authorization/settings.ts';
import { openTestDoor, type TestDoor } from '../../../support/authorization-server.ts';

let door: TestDoor;
beforeEach(async () => {
  door = await openTestDoor();
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

/** As mail programs send it. */
const REQUEST = {
  redirect_uris: ['http://127.0.0.1', 'org.example.mail:/callback'],
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  scope: 'urn:ietf:params:oauth:scope:mail offline_access',
  client_name: 'Example Mail',
  client_uri: 'https://app.example.net',
  logo_uri: 'https://app.example.net/logo.png',
  contacts: ['someone@example.net'],
  software_id: 'b0c1e2c4-0000-4000-8000-000000000000',
  software_version: '1.2',
  'x-unknown': { any: 'thing' },
};

async function register(body: unknown, headers: Record<string, string> = {}) {
  const answer = await door.transport({
    method: 'POST',
    url: new URL('/register', door.issuer),
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { ...answer, json: JSON.parse(answer.text) as Record<string, unknown> };
}

async function reopen(changes: Partial<AuthorizationSettings>): Promise<void> {
  await door.close();
  door = await openTestDoor(changes);
}

test('a program registers itself, and reads all that became of it (RFC 7591 §3.2.1)', async () => {
  const before = door.artifacts.dump();
  const { status, headers, json } = await register(REQUEST);
  expect(status).toBe(201);
  expect(headers.get('content-type')).toContain('application/json');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(json).toEqual({
    client_id: expect.stringMatching(/^pc1\.[\w-]{20,120}$/),
    client_id_issued_at: expect.closeTo(Date.now() / 1000, -1),
    client_name: 'Example Mail',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: REQUEST.redirect_uris,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope: 'offline_access urn:ietf:params:oauth:scope:mail',
    id_token_signed_response_alg: 'ES256',
    subject_type: 'public',
  });
  // Not a row, be there a million of them.
  expect(door.artifacts.dump()).toBe(before);
  expect(door.eventsNamed('clientRegistered')).toEqual([
    { peer: '127.0.0.1', client: json['client_id'], name: 'Example Mail' },
  ]);
});

test('the least that can be said is enough', async () => {
  const { status, json } = await register({ redirect_uris: ['http://127.0.0.1/'] });
  expect(status).toBe(201);
  expect(json).toMatchObject({
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    scope: 'openid offline_access email urn:ietf:params:oauth:scope:mail smtp.submit',
  });
  expect(json).not.toHaveProperty('client_name');
  expect(json).not.toHaveProperty('client_secret');
});

test('the same again gives the same identifier', async () => {
  const [one, other] = [await register(REQUEST), await register({ ...REQUEST, software_version: '2' })];
  expect(one.json['client_id']).toBe(other.json['client_id']);
});

test('a program without a browser registers for the device grant alone, where that is offered', async () => {
  const device = { client_name: 'Printer', grant_types: [DEVICE, 'refresh_token'] };
  const { status, json } = await register(device);
  expect(status).toBe(201);
  expect(json).toMatchObject({
    redirect_uris: [],
    response_types: [],
    grant_types: [DEVICE, 'refresh_token'],
  });
  const asked = await door.call('/device/auth', { client_id: String(json['client_id']) });
  expect(asked.status).toBe(200);
  expect(asked.json['user_code']).toBeTypeOf('string');
  await reopen({ deviceGrant: { enabled: false, codeLifetime: 900_000, interval: 5000 } });
  const refused = await register(device);
  expect(refused.json['error']).toBe('invalid_client_metadata');
});

test.each([
  ['no object', [], 'invalid_client_metadata', /JSON object/],
  ['no JSON', '{', 'invalid_client_metadata', /JSON object/],
  ['an empty body', '""', 'invalid_client_metadata', /JSON object/],
  ['no redirects', {}, 'invalid_redirect_uri', /missing/],
  ['redirects that are no list', { redirect_uris: 'http://127.0.0.1/' }, 'invalid_redirect_uri', /list/],
  [
    'many redirects',
    { redirect_uris: Array(9).fill('http://127.0.0.1/') },
    'invalid_redirect_uri',
    /more than 8/,
  ],
  [
    'a bad redirect',
    { redirect_uris: ['http://127.0.0.1/', 'http://evil.example/'] },
    'invalid_redirect_uri',
    /redirect_uris\[1\] is http/,
  ],
  ['a web site', { redirect_uris: ['https://evil.example/'] }, 'invalid_redirect_uri', /operator/],
  [
    'a secret',
    { token_endpoint_auth_method: 'client_secret_basic' },
    'invalid_client_metadata',
    /must be none/,
  ],
  ['a web application', { application_type: 'web' }, 'invalid_client_metadata', /native/],
  ['DPoP', { dpop_bound_access_tokens: true }, 'invalid_client_metadata', /dpop_bound/],
  [
    'bound tokens',
    { tls_client_certificate_bound_access_tokens: true },
    'invalid_client_metadata',
    /tls_client/,
  ],
  ['the implicit grant', { grant_types: ['implicit'] }, 'invalid_client_metadata', /grant_types may hold/],
  [
    'passwords',
    { grant_types: ['authorization_code', 'password'] },
    'invalid_client_metadata',
    /grant_types may hold/,
  ],
  [
    'its own account',
    { grant_types: ['client_credentials'] },
    'invalid_client_metadata',
    /grant_types may hold/,
  ],
  ['renewal only', { grant_types: ['refresh_token'] }, 'invalid_client_metadata', /first token/],
  ['another response', { response_types: ['token'] }, 'invalid_client_metadata', /response_types/],
  ['a second response', { response_types: ['code', 'token'] }, 'invalid_client_metadata', /response_types/],
  ['unknown scopes', { scope: 'admin root' }, 'invalid_client_metadata', /scope/],
  ['a scope that is no text', { scope: ['openid'] }, 'invalid_client_metadata', /scope/],
  ['a name that deceives', { client_name: 'Mail\u202e' }, 'invalid_client_metadata', /client_name/],
])('with %s it is refused, and told why (RFC 7591 §3.2.2)', async (_what, request, error, why) => {
  const isWhole =
    Array.isArray(request) ||
    typeof request === 'string' ||
    'redirect_uris' in request ||
    Object.keys(request).length === 0;
  const answer = await register(isWhole ? request : { redirect_uris: ['http://127.0.0.1/'], ...request });
  expect(answer.status).toBe(400);
  expect(answer.json['error']).toBe(error);
  expect(answer.json['error_description']).toMatch(why);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(door.eventsNamed('clientRefused')).toEqual([
    { peer: '127.0.0.1', error, reason: answer.json['error_description'] },
  ]);
});

test('what does not fit into an identifier is refused', async () => {
  const noise = () => Array.from({ length: 6 }, () => crypto.randomUUID()).join('');
  const uris = Array.from({ length: 8 }, () => `org.example.mail:/${noise()}`);
  const { status, json } = await register({ redirect_uris: uris });
  expect(status).toBe(400);
  expect(json['error_description']).toMatch(/fewer or shorter/);
});

test('another form of request is refused as one', async () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect(await register('redirect_uris=x', form)).toMatchObject({
    status: 415,
    json: { error: 'invalid_client_metadata' },
  });
  expect((await register({ redirect_uris: [], x: 'x'.repeat(9000) })).status).toBe(413);
  const get = await door.transport({ method: 'GET', url: new URL('/register', door.issuer), headers: {} });
  expect(get.status).toBe(405);
  expect(get.headers.get('allow')).toBe('OPTIONS, POST');
});

test('the operator may allow web sites by address', async () => {
  await reopen({
    registration: { mode: 'open', redirectPatterns: ['https://app.example.org/oauth/*'] },
  });
  expect((await register({ redirect_uris: ['https://app.example.org/oauth/done'] })).status).toBe(201);
  expect((await register({ redirect_uris: ['http://127.0.0.1/'] })).json['error']).toBe(
    'invalid_redirect_uri',
  );
});

test('closed, it says so', async () => {
  await reopen({ registration: { mode: 'closed', redirectPatterns: ['loopback'] } });
  const { status, json } = await register(REQUEST);
  expect(status).toBe(403);
  expect(json['error']).toBe('access_denied');
  expect(json['error_description']).toMatch(/ask the people who run/);
});

test('one network registers a hundred at once, then one every three seconds', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  for (let count = 0; count < 100; count += 1) expect((await register(REQUEST)).status).toBe(201);
  const { status, headers, json } = await register(REQUEST);
  expect(status).toBe(429);
  expect(headers.get('retry-after')).toBe('60');
  expect(json['error']).toBe('temporarily_unavailable');
  vi.setSystemTime(Date.now() + 3000);
  expect((await register(REQUEST)).status).toBe(201);
  expect((await register(REQUEST)).status).toBe(429);
});

test('a program built on a browser engine, which asks first, registers and reads every answer', async () => {
  const origin = { origin: 'capacitor://localhost' };
  for (let count = 0; count < 200; count += 1) {
    const asked = await door.transport({
      method: 'OPTIONS',
      url: new URL('/register', door.issuer),
      headers: {
        ...origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    });
    expect(asked.status).toBe(204);
    expect(Object.fromEntries(asked.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type',
    });
    expect(asked.headers.get('access-control-allow-credentials')).toBeNull();
  }
  // Asking is not counted as registering.
  const answers = [await register(REQUEST, origin), await register({}, origin), await register('{', origin)];
  for (let count = 0; count < 100; count += 1) answers.push(await register(REQUEST, origin));
  expect(answers.slice(0, 3).map(({ status }) => status)).toEqual([201, 400, 400]);
  expect(answers.at(-1)?.status).toBe(429);
  for (const { headers } of answers) {
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  }
});
