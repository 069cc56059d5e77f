// RFC 6749 §4.1.2 and §10.5, RFC 9700 §4.2 and §4.5: codes leak, are replayed and injected.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  authorizationUrl,
  exchangeCode,
  newProof,
  openTestDoor,
  type Proof,
  signInAndAllow,
  type TestDoor,
} from '../support/authorization-server.ts';

let door: TestDoor;
let proof: Proof;
let answer: URL;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00Z') });
  door = await openTestDoor();
  proof = newProof();
  answer = await signInAndAllow(door.newBrowser(), authorizationUrl(door, proof));
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

const GONE = { status: 400, json: { error: 'invalid_grant' } };

test('a code used twice gives nothing the second time, and ends what the first gave', async () => {
  const { json } = await exchangeCode(door, answer, proof);
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({ clientId: 'postern-cli' });
  expect(await exchangeCode(door, answer, proof)).toMatchObject(GONE);
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({ code: 'token-revoked' });
  const refresh = { grant_type: 'refresh_token', client_id: 'postern-cli' };
  expect(
    await door.call('/token', { ...refresh, refresh_token: String(json['refresh_token']) }),
  ).toMatchObject(GONE);
  expect(door.eventsNamed('grantRevoked')).toMatchObject([
    { cause: 'a code or refresh token was used again' },
  ]);
});

test('a code used many times at once gives tokens to one at most, and they do not last', async () => {
  const uses = await Promise.all(Array.from({ length: 8 }, () => exchangeCode(door, answer, proof)));
  const winners = uses.filter(({ status }) => status === 200);
  expect(winners.length).toBeLessThanOrEqual(1);
  for (const { json } of winners) {
    expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({ code: 'token-revoked' });
  }
  for (const loser of uses.filter(({ status }) => status !== 200)) expect(loser).toMatchObject(GONE);
});

test('a code is good for its own client only', async () => {
  const other = { client_id: 'mail-program' };
  expect(await exchangeCode(door, answer, proof, other)).toMatchObject(GONE);
  const app = { id: 'web-app', secret: 'web-app-secret-0123456789' };
  expect(await exchangeCode(door, answer, proof, {}, app)).toMatchObject(GONE);
  // The attempt has not spoilt it for its owner.
  expect((await exchangeCode(door, answer, proof)).status).toBe(200);
});

test('a code goes with the address it was sent to', async () => {
  const elsewhere = { redirect_uri: 'http://127.0.0.1:60000/callback' };
  expect(await exchangeCode(door, answer, proof, elsewhere)).toMatchObject(GONE);
});

test('a code injected into another request fails at the verifier', async () => {
  const victim = newProof();
  await signInAndAllow(door.newBrowser(), authorizationUrl(door, victim));
  expect(await exchangeCode(door, answer, victim)).toMatchObject(GONE);
});

test('a code lives a minute', async () => {
  vi.setSystemTime(Date.now() + 61_000);
  expect(await exchangeCode(door, answer, proof)).toMatchObject(GONE);
});

test('a made-up code is nothing', async () => {
  answer.searchParams.set('code', 'a'.repeat(43));
  expect(await exchangeCode(door, answer, proof)).toMatchObject(GONE);
});

test('answers of the token endpoint are kept by no cache', async () => {
  const { headers } = await exchangeCode(door, answer, proof);
  expect(headers.get('cache-control')).toBe('no-store');
});
