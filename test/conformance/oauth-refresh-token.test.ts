// RFC 9700 §4.14: a refresh token that comes twice was stolen from somebody. Without a grace; with one: oauth-refresh-grace.test.ts.

import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  authorizationUrl,
  newProof,
  obtainTokens,
  openTestDoor,
  type TestDoor,
  type Tokens,
} from '../support/authorization-server.ts';

let door: TestDoor;
let tokens: Tokens;

beforeEach(async () => {
  door = await openTestDoor();
  tokens = await obtainTokens(door);
});
afterEach(() => door.close());

const refresh = (token: string, client: Record<string, string> = { client_id: 'postern-cli' }) =>
  door.call('/token', { grant_type: 'refresh_token', refresh_token: token, ...client });
const GONE = { status: 400, json: { error: 'invalid_grant' } };

test('using an old one again ends the whole grant', async () => {
  const renewed = await refresh(tokens.refresh_token);
  expect(await refresh(tokens.refresh_token)).toMatchObject(GONE);
  expect(await refresh(String(renewed.json['refresh_token']))).toMatchObject(GONE);
  for (const token of [tokens.access_token, String(renewed.json['access_token'])]) {
    expect(await door.verifier.verify(token)).toMatchObject({ code: 'token-revoked' });
  }
  expect(door.eventsNamed('refreshTokenReused')).toEqual([
    {
      peer: '127.0.0.1',
      client: 'postern-cli',
      user: 'alice@example.org',
      grant: expect.stringMatching(/^[\w-]{16}$/),
    },
  ]);
});

test('it does so also much later in the chain', async () => {
  let latest = tokens.refresh_token;
  for (let count = 0; count < 5; count += 1) latest = String((await refresh(latest)).json['refresh_token']);
  expect(await refresh(tokens.refresh_token)).toMatchObject(GONE);
  expect(await refresh(latest)).toMatchObject(GONE);
});

test('of many uses at once none leaves a token that lasts', async () => {
  const uses = await Promise.all(Array.from({ length: 8 }, () => refresh(tokens.refresh_token)));
  const winners = uses.filter(({ status }) => status === 200);
  expect(winners.length).toBeLessThanOrEqual(1);
  for (const { json } of winners) {
    expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({ code: 'token-revoked' });
    expect(await refresh(String(json['refresh_token']))).toMatchObject(GONE);
  }
  expect(door.eventsNamed('refreshTokenReused').length).toBeGreaterThan(0);
});

test('another client cannot use it, and its attempt does not end it', async () => {
  expect(await refresh(tokens.refresh_token, { client_id: 'mail-program' })).toMatchObject(GONE);
  expect((await refresh(tokens.refresh_token)).status).toBe(200);
});

test('after the theft the person is asked again', async () => {
  await refresh(tokens.refresh_token);
  await refresh(tokens.refresh_token);
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  expect(door.eventsNamed('consentGiven')).toHaveLength(2);
  expect((await browser.go(authorizationUrl(door, newProof()))).url.searchParams.has('code')).toBe(true);
});

test('an access token is no refresh token', async () => {
  expect(await refresh(tokens.access_token)).toMatchObject(GONE);
});
