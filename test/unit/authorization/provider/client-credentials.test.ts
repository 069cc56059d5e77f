import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  APP,
  claimsOf,
  MAIL,
  openTestDoor,
  type TestDoor,
  WEB_APP,
} from '../../../support/authorization-server.ts';
import { makeKeyedApp } from '../../../support/keyed-app.ts';

const keyed = await makeKeyedApp();
const { privateKey } = keyed;
const app = { id: 'billing-app', secret: 'billing-app-secret-0123456789' };
let door: TestDoor;

beforeAll(async () => {
  door = await openTestDoor({ clients: [APP, WEB_APP, keyed.settings] });
});
afterAll(async () => {
  await door.close();
  await keyed.remove();
});

const ask = (fields = {}, client?: typeof app) =>
  door.call('/token', { grant_type: 'client_credentials', ...fields }, client);

test('an app gets a token for itself with client_secret_basic', async () => {
  const { status, json, headers } = await ask({ scope: MAIL }, app);
  expect(status).toBe(200);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(json).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: MAIL });
  expect(json).not.toHaveProperty('refresh_token');
  const claims = claimsOf(String(json['access_token']));
  expect(claims).toMatchObject({
    sub: 'billing-app',
    client_id: 'billing-app',
    aud: 'https://mail.example.org',
  });
  // Without a grant its handle is empty.
  expect(claims['jti']).toMatch(/^\.[\w-]{11}$/);
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({
    addresses: ['billing@example.org'],
  });
  expect(door.eventsNamed('tokenIssued').at(-1)).toMatchObject({
    client: 'billing-app',
    user: 'billing@example.org',
    grantType: 'client_credentials',
    tokenId: claims['jti'],
  });
});

test('client_secret_post works as well', async () => {
  const { status } = await ask({ client_id: app.id, client_secret: app.secret, scope: 'smtp.submit' });
  expect(status).toBe(200);
});

test('without a scope it may send; with unknown ones only, it is told', async () => {
  expect((await ask({}, app)).json['scope']).toBe(MAIL);
  expect(await ask({ scope: 'openid offline_access' }, app)).toMatchObject({
    status: 400,
    json: { error: 'invalid_scope' },
  });
});

test('the resource may be named, and must be the submission service', async () => {
  const { json } = await ask({ resource: 'submission://mail.example.org' }, app);
  expect(claimsOf(String(json['access_token']))['aud']).toBe('https://mail.example.org');
  expect(await ask({ resource: 'https://graph.example.com' }, app)).toMatchObject({
    status: 400,
    json: { error: 'invalid_target' },
  });
});

test.each([
  ['a wrong secret', { ...app, secret: 'wrong' }],
  ['an unknown client', { ...app, id: 'nobody' }],
])('%s is refused, and journaled without it', async (_name, client) => {
  const { status, json, headers } = await ask({}, client);
  expect(status).toBe(401);
  expect(json).toEqual({ error: 'invalid_client', error_description: 'client authentication failed' });
  expect(headers.get('www-authenticate')).toMatch(/^Basic /);
  expect(door.eventsNamed('clientRefused').at(-1)).toMatchObject({ error: 'invalid_client' });
  expect(JSON.stringify(door.events)).not.toContain('wrong"');
});

test.each(['web-app', 'postern-cli'])('%s, which has no addresses of its own, gets none', async (id) => {
  const secret = id === 'web-app' ? 'web-app-secret-0123456789' : undefined;
  const client = secret === undefined ? undefined : { id, secret };
  const { status, json } = await ask(client === undefined ? { client_id: id } : {}, client);
  expect(status).toBe(400);
  expect(json['error']).toBe('invalid_request');
});

function assertion(
  changes: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key = privateKey,
) {
  const now = Math.floor(Date.now() / 1000);
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const claims = {
    iss: 'keyed-app',
    sub: 'keyed-app',
    aud: 'https://mail.example.org/token',
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
    ...changes,
  };
  const input = `${encode({ alg: 'ES256', kid: 'k1', ...header })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: `${input}.${signature.toString('base64url')}`,
  };
}

test('private_key_jwt works, each assertion once', async () => {
  const proof = assertion();
  const { status, json } = await ask(proof);
  expect(status, JSON.stringify(json)).toBe(200);
  expect(claimsOf(String(json['access_token']))['sub']).toBe('keyed-app');
  expect(await ask(proof)).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
});

test.each([
  ['for another server', assertion({ aud: 'https://other.example.org/token' })],
  ['expired', assertion({ exp: Math.floor(Date.now() / 1000) - 120 })],
  ['unsigned', assertion({}, { alg: 'none' })],
  [
    'signed by somebody else',
    assertion({}, {}, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  ],
  ['of another client', assertion({ iss: 'billing-app', sub: 'billing-app' })],
])('an assertion %s is refused', async (_name, proof) => {
  expect(await ask(proof)).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
});
