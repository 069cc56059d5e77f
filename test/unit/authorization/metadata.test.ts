import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAIL, openTestDoor, type TestDoor } from '../../support/authorization-server.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await openTestDoor();
});
afterAll(() => door.close());

const get = (path: string, headers = {}) =>
  door.transport({ method: 'GET', url: new URL(path, door.issuer), headers });

async function metadata(path = '/.well-known/oauth-authorization-server', headers = {}) {
  return JSON.parse((await get(path, headers)).text) as Record<string, unknown>;
}

test('OpenID discovery and RFC 8414 metadata are one document at the issuer’s root', async () => {
  expect(await metadata('/.well-known/openid-configuration')).toEqual(await metadata());
});

test('it says what interoperable mail clients look for', async () => {
  expect(await metadata()).toMatchObject({
    issuer: 'https://mail.example.org',
    authorization_endpoint: 'https://mail.example.org/auth',
    token_endpoint: 'https://mail.example.org/token',
    revocation_endpoint: 'https://mail.example.org/token/revocation',
    introspection_endpoint: 'https://mail.example.org/token/introspection',
    end_session_endpoint: 'https://mail.example.org/session/end',
    jwks_uri: 'https://mail.example.org/jwks',
    registration_endpoint: 'https://mail.example.org/register',
    client_id_metadata_document_supported: true,
    authorization_response_iss_parameter_supported: true,
    code_challenge_methods_supported: ['S256'],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: expect.arrayContaining(['authorization_code', 'refresh_token']),
    token_endpoint_auth_methods_supported: [
      'none',
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ],
    id_token_signing_alg_values_supported: ['ES256'],
    scopes_supported: ['openid', 'offline_access', 'email', MAIL, 'smtp.submit'],
    protected_resources: ['https://mail.example.org'],
  });
});

test('it offers nothing that is not there', async () => {
  const document = await metadata();
  for (const endpoint of [
    'userinfo_endpoint',
    'pushed_authorization_request_endpoint',
    'dpop_signing_alg_values_supported',
  ]) {
    expect(document).not.toHaveProperty(endpoint);
  }
  const algorithms = document['token_endpoint_auth_signing_alg_values_supported'] as string[];
  expect(algorithms.filter((name) => name.startsWith('HS') || name === 'none')).toEqual([]);
});

// A document that a cache keeps must not carry addresses that a request's headers made up.
test.each([
  { host: 'evil.example' },
  { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' },
  { forwarded: 'host=evil.example;proto=http' },
])('forged headers %o change no address', async (headers) => {
  expect(await metadata('/.well-known/openid-configuration', headers)).toEqual(await metadata());
});

test('the keys are public parts of signing keys, and nothing else', async () => {
  const answer = await get('/jwks');
  expect(answer.headers.get('content-type')).toContain('application/jwk-set+json');
  const { keys } = JSON.parse(answer.text) as { keys: Record<string, unknown>[] };
  expect(keys.map(({ kid }) => kid)).toEqual(
    (door.keyring.publicJwks().keys as { kid: string }[]).map(({ kid }) => kid),
  );
  for (const key of keys) {
    expect(key).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' });
    expect(key).not.toHaveProperty('d');
  }
});

test('programs may keep them for some minutes, and read them from any origin', async () => {
  for (const path of ['/jwks', '/.well-known/openid-configuration']) {
    const answer = await get(path, { origin: 'https://somewhere.example' });
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://somewhere.example');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  }
  const head = await door.transport({
    method: 'HEAD',
    url: new URL('/.well-known/oauth-authorization-server', door.issuer),
    headers: {},
  });
  expect(head.status).toBe(200);
});

test('what is closed is not offered', async () => {
  const closed = await openTestDoor({
    registration: { mode: 'closed', redirectPatterns: [] },
    clientMetadataDocuments: { mode: 'closed', redirectPatterns: [], hosts: [], privateHosts: [] },
  });
  const answer = await closed.transport({
    method: 'GET',
    url: new URL('/.well-known/oauth-authorization-server', closed.issuer),
    headers: {},
  });
  expect(JSON.parse(answer.text)).not.toHaveProperty('registration_endpoint');
  expect(JSON.parse(answer.text)).not.toHaveProperty('client_id_metadata_document_supported');
  await closed.close();
});
