// RFC 7523 §3, §3.2 and draft-ietf-oauth-rfc7523bis §4 (audience injection), RFC 8725 §2.1, §3.1, §3.10, §3.11: assertions by which a
// client proves itself, made by somebody who holds its public key, an old one of its own, or one that was meant for another server.

import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { APP, openTestDoor, type TestDoor, WEB_APP } from '../support/authorization-server.ts';
import { makeKeyedApp } from '../support/keyed-app.ts';

const keyed = await makeKeyedApp();
const { publicKey, privateKey } = keyed;
const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ISSUER = 'https://mail.example.org';
let door: TestDoor;

beforeAll(async () => {
  door = await openTestDoor({ clients: [APP, WEB_APP, keyed.settings] });
});
afterAll(async () => {
  await door.close();
  await keyed.remove();
});

const seconds = () => Math.floor(Date.now() / 1000);
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

function input(claims: object, header: object): string {
  const good = { iss: 'keyed-app', sub: 'keyed-app', aud: ISSUER, jti: randomUUID(), iat: seconds() };
  return `${encode({ alg: 'ES256', kid: 'k1', ...header })}.${encode({ ...good, exp: seconds() + 60, ...claims })}`;
}

function signed(claims: object = {}, header: object = {}, key: KeyObject = privateKey): string {
  const text = input(claims, header);
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

function withSecret(secret: string | Buffer): string {
  const text = input({}, { alg: 'HS256' });
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

const ask = (assertion: string, fields: Record<string, string> = {}) =>
  door.call('/token', {
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
    ...fields,
  });

const own = attacker.publicKey.export({ format: 'jwk' });

test.each<[string, () => string]>([
  ['for the issuer', () => signed()],
  ['for the token endpoint', () => signed({ aud: `${ISSUER}/token` })],
  ['for a list of this server alone', () => signed({ aud: [ISSUER] })],
])('one %s is taken', async (_what, make) => {
  expect((await ask(make())).status).toBe(200);
});

test.each<[string, () => string]>([
  [
    'MACed with the public key in PEM (RFC 8725 §2.1)',
    () => withSecret(publicKey.export({ type: 'spki', format: 'pem' })),
  ],
  ['MACed with the public key in DER', () => withSecret(publicKey.export({ type: 'spki', format: 'der' }))],
  ['MACed with the public key as JWK', () => withSecret(JSON.stringify(publicKey.export({ format: 'jwk' })))],
  ['without a signature, by another spelling of none', () => `${input({}, { alg: 'nOnE' })}.`],
  [
    'with a key of its own in the header (RFC 8725 §3.10)',
    () => signed({}, { jwk: own }, attacker.privateKey),
  ],
  [
    'that names a key set of its own',
    () => signed({}, { jku: 'https://evil.example/jwks' }, attacker.privateKey),
  ],
  ['with an extension that must be understood (RFC 7515 §4.1.11)', () => signed({}, { crit: ['x'], x: 1 })],
  ['for another server', () => signed({ aud: 'https://other.example.org' })],
  ['for this server and another (rfc7523bis §4)', () => signed({ aud: [ISSUER, 'https://evil.example'] })],
  ['for another server whose name begins alike', () => signed({ aud: `${ISSUER}.evil.example` })],
  ['for nobody', () => signed({ aud: undefined })],
  ['for no list', () => signed({ aud: [] })],
  ['for the submission host under another name', () => signed({ aud: 'submission://mail.example.org' })],
  ['by another issuer (§3)', () => signed({ iss: 'billing-app' })],
  ['about another subject (§3)', () => signed({ sub: 'billing-app' })],
  ['without a subject', () => signed({ sub: undefined })],
  ['without an end', () => signed({ exp: undefined })],
  ['that has ended', () => signed({ exp: seconds() - 120 })],
  ['that ends in a hundred years', () => signed({ exp: seconds() + 3_155_760_000 })],
  ['that has not begun', () => signed({ nbf: seconds() + 600 })],
  ['without a name of its own', () => signed({ jti: undefined })],
])('one %s is refused', async (_what, make) => {
  expect(await ask(make())).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
});

test('one for a client beside the name of another is refused', async () => {
  const { status } = await ask(signed(), { client_id: 'billing-app' });
  expect(status).toBeGreaterThanOrEqual(400);
});

test('one beside a secret is refused: a client proves itself in one way (RFC 6749 §2.3)', async () => {
  const { status } = await ask(signed(), { client_id: 'keyed-app', client_secret: 'x' });
  expect(status).toBeGreaterThanOrEqual(400);
});

test('one works once, also at another endpoint (§3, item 7)', async () => {
  const once = signed({ aud: ISSUER });
  expect((await ask(once)).status).toBe(200);
  const form = { token: 'x', client_assertion: once };
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  const again = await door.call('/token/introspection', { ...form, client_assertion_type: type });
  expect(again).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
});

test('a client with a key is not let in by what others prove themselves by', async () => {
  const form = { grant_type: 'client_credentials' };
  for (const secret of ['', 'k1', JSON.stringify(publicKey.export({ format: 'jwk' }))]) {
    const basic = await door.call('/token', form, { id: 'keyed-app', secret });
    expect(basic.status).toBeGreaterThanOrEqual(400);
  }
  expect((await door.call('/token', { ...form, client_id: 'keyed-app' })).status).toBeGreaterThanOrEqual(400);
});

test('of many uses at once, by nodes that do not see each other’s yet, one is taken', async () => {
  const { find } = door.artifacts;
  const finding = vi.spyOn(door.artifacts, 'find').mockImplementation(async (model, id, now) => {
    const found = await find(model, id, now);
    if (model === 'ReplayDetection') await setTimeout(50);
    return found;
  });
  const once = signed();
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(once)));
  finding.mockRestore();
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(new Set(answers.map(({ json }) => json['error']))).toEqual(new Set([undefined, 'invalid_client']));
});
