import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import {
  claimsOf,
  MAIL,
  obtainTokens,
  openTestDoor,
  type TestDoor,
  type Tokens,
} from '../../../support/authorization-server.ts';
import { introspectionSettings, trustedIssuer } from '../../../support/tokens.ts';

const app = { id: 'billing-app', secret: 'billing-app-secret-0123456789' };
let door: TestDoor;
let tokens: Tokens;

beforeEach(async () => {
  door = await openTestDoor();
  tokens = await obtainTokens(door);
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

const revoke = (
  token: string,
  fields: Record<string, string> = { client_id: 'postern-cli' },
  client?: typeof app,
) => door.call('/token/revocation', { token, ...fields }, client);
const introspect = (token: string) => door.call('/token/introspection', { token }, app);
const isTaken = async (token: string) => !isRefusal(await door.verifier.verify(token));

test('revoking an access token ends it, and it alone', async () => {
  expect(await isTaken(tokens.access_token)).toBe(true);
  const { status, json } = await revoke(tokens.access_token);
  expect({ status, json }).toEqual({ status: 200, json: {} });
  expect(await isTaken(tokens.access_token)).toBe(false);
  const refresh = {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
    client_id: 'postern-cli',
  };
  const renewed = await door.call('/token', refresh);
  expect(renewed.status).toBe(200);
  expect(await isTaken(String(renewed.json['access_token']))).toBe(true);
  const { jti } = claimsOf(tokens.access_token);
  expect(door.eventsNamed('tokenRevoked')).toEqual([
    { peer: '127.0.0.1', client: 'postern-cli', tokenId: jti, grant: String(jti).slice(0, 16) },
  ]);
});

test('revoking a refresh token ends the grant with all its access tokens', async () => {
  expect((await revoke(tokens.refresh_token)).status).toBe(200);
  expect(await isTaken(tokens.access_token)).toBe(false);
  const refresh = {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
    client_id: 'postern-cli',
  };
  expect(await door.call('/token', refresh)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
  expect(door.eventsNamed('grantRevoked')).toMatchObject([
    { client: 'postern-cli', user: 'alice@example.org', cause: 'revoked by the program' },
  ]);
  expect(door.eventsNamed('tokenRevoked')).toHaveLength(1);
});

test('the answer comes only after the revocation has taken effect', async () => {
  const { promise: stored, resolve } = Promise.withResolvers<void>();
  const revocations = vi.spyOn(door.revocations, 'revoke').mockReturnValue(stored);
  let isAnswered = false;
  const answer = revoke(tokens.refresh_token).finally(() => {
    isAnswered = true;
  });
  await expect.poll(() => revocations).toHaveBeenCalled();
  expect(isAnswered).toBe(false);
  resolve();
  expect((await answer).status).toBe(200);
});

test('another client may not revoke it', async () => {
  for (const token of [tokens.access_token, tokens.refresh_token]) {
    for (const [fields, client] of [
      [{}, app],
      [{ client_id: 'mail-program' }, undefined],
    ] as const) {
      const refused = await revoke(token, { ...fields }, client);
      expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    }
  }
  expect(await isTaken(tokens.access_token)).toBe(true);
});

test.each(['garbage', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.'])(
  '%s is answered like a revoked token',
  async (text) => {
    expect(await revoke(text)).toMatchObject({ status: 200, json: {} });
    expect((await introspect(text)).json).toEqual({ active: false });
  },
);

test('revocation and introspection ask who the client is', async () => {
  for (const path of ['/token/revocation', '/token/introspection']) {
    const wrong = await door.call(path, { token: tokens.access_token }, { ...app, secret: 'wrong' });
    expect(wrong).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    expect(await door.call(path, { token: tokens.access_token })).toMatchObject({
      status: 400,
      json: { error: 'invalid_request' },
    });
  }
  expect(await isTaken(tokens.access_token)).toBe(true);
});

test('introspection tells a confidential client about a good access token', async () => {
  const claims = claimsOf(tokens.access_token);
  const { status, json, headers } = await introspect(tokens.access_token);
  expect(status).toBe(200);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(json).toEqual({
    active: true,
    client_id: 'postern-cli',
    token_type: 'Bearer',
    scope: MAIL,
    iss: claims['iss'],
    aud: claims['aud'],
    sub: claims['sub'],
    exp: claims['exp'],
    jti: claims['jti'],
  });
});

test('introspection of a revoked or expired token says no more than that', async () => {
  const other = await obtainTokens(door);
  await revoke(tokens.access_token);
  expect((await introspect(tokens.access_token)).json).toEqual({ active: false });
  expect((await introspect(other.access_token)).json).toMatchObject({ active: true });
  // Expired, but within the leeway of the verifier.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 901_000 });
  expect((await introspect(other.access_token)).json).toEqual({ active: false });
});

test('a public client may not introspect', async () => {
  for (const token of [tokens.access_token, tokens.refresh_token, 'garbage']) {
    const refused = await door.call('/token/introspection', { token, client_id: 'mail-program' });
    expect(refused).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
  }
});

test('a refresh token is shown to no other client', async () => {
  expect((await introspect(tokens.refresh_token)).json).toEqual({ active: false });
});

test('a revocation that could not be kept is not answered as done', async () => {
  vi.spyOn(door.revocations, 'revoke').mockRejectedValue(new Error('database is locked'));
  for (const token of [tokens.access_token, tokens.refresh_token]) {
    const failed = await revoke(token);
    expect(failed).toMatchObject({ status: 500, json: { error: 'server_error' } });
    expect(failed.headers.get('x-content-type-options')).toBe('nosniff');
    expect(JSON.stringify(failed.json)).not.toContain('locked');
  }
  expect(door.eventsNamed('fault')).toHaveLength(2);
});

describe('what is none of its own', () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const partner = 'https://partner.example.org';

  test.each([
    ['a token that names another issuer', `${encode({ alg: 'ES256' })}.${encode({ iss: partner })}.c2ln`],
    ['a token that names nobody', `${encode({ typ: 'x' })}.AAAA.BBBB`],
  ])('%s is shown to no issuer, whoever sends it in', async (_what, token) => {
    const asked: string[] = [];
    const other = await openTestDoor(
      {},
      {
        trustedIssuers: [
          trustedIssuer(partner, {
            verification: 'introspection',
            introspection: introspectionSettings({ endpoint: `${partner}/introspect` }),
          }),
        ],
        fetch: async (url) => {
          asked.push(String(url));
          return Response.json({ active: true });
        },
      },
    );
    const form = { token, client_id: 'postern-cli' };
    expect((await other.call('/token/revocation', form)).status).toBe(200);
    const answer = await other.call('/token/introspection', { token }, app);
    expect(answer).toMatchObject({ status: 200, json: { active: false } });
    expect(asked).toEqual([]);
    await other.close();
  });
});
