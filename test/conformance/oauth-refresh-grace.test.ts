// RFC 9700 §4.14.2 with a grace: a program whose answer was lost comes again, and a thief gains nothing by it.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  authorizationUrl,
  exchangeCode,
  newKept,
  newProof,
  obtainTokens,
  openTestDoor,
  signInAndAllow,
  type TestDoor,
  type Tokens,
} from '../support/authorization-server.ts';

let door: TestDoor;
let tokens: Tokens;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00.900Z') });
  door = await openTestDoor({ refreshTokenGrace: 10_000 });
  tokens = await obtainTokens(door);
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

const later = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);
const call = (token: string, client = 'postern-cli') =>
  door.call('/token', { grant_type: 'refresh_token', refresh_token: token, client_id: client });
const isAlive = async ({ access_token: token }: Pick<Tokens, 'access_token'>) =>
  'addresses' in (await door.verifier.verify(token));
const GONE = { status: 400, json: { error: 'invalid_grant' } };

async function refresh({ refresh_token: token }: Pick<Tokens, 'refresh_token'>): Promise<Tokens> {
  const { status, json } = await call(token);
  expect({ status, json }).toMatchObject({ status: 200 });
  return json as unknown as Tokens;
}

async function expectAllDead(...all: Tokens[]): Promise<void> {
  for (const one of all) {
    expect(await isAlive(one)).toBe(false);
    expect(await call(one.refresh_token)).toMatchObject(GONE);
  }
}

test('a program whose answer was lost comes again and goes on; the journal tells of it', async () => {
  await refresh(tokens);
  later(9_000);
  const second = await refresh(tokens);
  expect(await isAlive(second)).toBe(true);
  later(600_000);
  const third = await refresh(second);
  expect(await isAlive(await refresh(third))).toBe(true);
  expect(door.eventsNamed('tokenRefreshed').map(({ repeated }) => repeated)).toEqual([
    undefined,
    true,
    undefined,
    undefined,
  ]);
  expect(door.eventsNamed('refreshTokenReused')).toEqual([]);
});

test('it may be lost several times, within bounds', async () => {
  await refresh(tokens);
  for (let count = 0; count < 5; count += 1) await refresh(tokens);
  expect(await call(tokens.refresh_token)).toMatchObject(GONE);
  await expectAllDead(tokens);
});

test('the grace ends: then it was stolen', async () => {
  const first = await refresh(tokens);
  later(11_100);
  expect(await call(tokens.refresh_token)).toMatchObject(GONE);
  await expectAllDead(tokens, first);
  expect(door.eventsNamed('refreshTokenReused')).toMatchObject([
    { client: 'postern-cli', user: 'alice@example.org' },
  ]);
});

test('so it is where the answer had arrived: its refresh token was used', async () => {
  const first = await refresh(tokens);
  const second = await refresh(first);
  expect(await call(tokens.refresh_token)).toMatchObject(GONE);
  await expectAllDead(tokens, first, second);
});

test('where it was used a second time, its grace does not begin anew', async () => {
  await refresh(tokens);
  later(8_000);
  await refresh(tokens);
  later(8_000);
  expect(await call(tokens.refresh_token)).toMatchObject(GONE);
});

test.each(['the thief', 'the person'])(
  'a token stolen and used within the grace: the second of both to come back ends it; %s first',
  async (who) => {
    const person = await refresh(tokens);
    later(2_000);
    const thief = await refresh(tokens);
    later(600_000);
    const [one, other] = who === 'the thief' ? [thief, person] : [person, thief];
    const renewed = await refresh(one);
    later(60 * 86_400_000);
    expect(await call(other.refresh_token)).toMatchObject(GONE);
    await expectAllDead(person, thief, renewed);
    expect(door.eventsNamed('refreshTokenReused')).toHaveLength(1);
  },
);

test('both coming back at once leave nothing that lasts', async () => {
  const [one, other] = [await refresh(tokens), await refresh(tokens)];
  const answers = await Promise.all([call(one.refresh_token), call(other.refresh_token)]);
  expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
  const won = answers.filter(({ status }) => status === 200).map(({ json }) => json as unknown as Tokens);
  await expectAllDead(one, other, ...won);
});

test('a rival is found out up to the last second of its life', async () => {
  await door.close();
  door = await openTestDoor({ refreshTokenGrace: 10_000, refreshTokenLifetime: 3_600_000 });
  tokens = await obtainTokens(door);
  const one = await refresh(tokens);
  later(9_000);
  const other = await refresh(tokens);
  await refresh(one);
  later(3_595_000);
  expect(await call(other.refresh_token)).toMatchObject(GONE);
  expect(door.eventsNamed('refreshTokenReused')).toHaveLength(1);
});

test('a program that does the same several times at once goes on with any one of its answers', async () => {
  const answers = await Promise.all(Array.from({ length: 4 }, () => refresh(tokens)));
  expect(new Set(answers.map(({ refresh_token: token }) => token)).size).toBe(4);
  for (const answer of answers) expect(await isAlive(answer)).toBe(true);
  const last = answers[2] as Tokens;
  expect(await isAlive(await refresh(last))).toBe(true);
});

test('fifty uses at once end the grant, and none leaves a token that lasts', async () => {
  const uses = await Promise.all(Array.from({ length: 50 }, () => call(tokens.refresh_token)));
  const won = uses.filter(({ status }) => status === 200).map(({ json }) => json as unknown as Tokens);
  expect(won.length).toBeLessThanOrEqual(6);
  await expectAllDead(tokens, ...won);
  expect(door.eventsNamed('refreshTokenReused').length).toBeGreaterThan(0);
});

test('another client cannot use it within the grace either, and its attempt does no harm', async () => {
  const first = await refresh(tokens);
  expect(await call(tokens.refresh_token, 'mail-program')).toMatchObject(GONE);
  expect(await isAlive(await refresh(first))).toBe(true);
});

test('a revocation counts at once: there is no grace for it', async () => {
  const first = await refresh(tokens);
  await door.call('/token/revocation', { token: first.refresh_token, client_id: 'postern-cli' });
  await expectAllDead(tokens, first);
});

test('whoever asks about a used one hears that it is not good any more', async () => {
  const client = { id: 'web-app', secret: 'web-app-secret-0123456789' };
  const proof = newProof();
  const redirect = { client_id: 'web-app', redirect_uri: 'https://webmail.example.org/callback' };
  const answer = await signInAndAllow(door.newBrowser(), authorizationUrl(door, proof, redirect));
  const { redirect_uri } = redirect;
  const { json } = await exchangeCode(door, answer, proof, { redirect_uri }, client);
  const token = String(json['refresh_token']);
  const ask = async () => (await door.call('/token/introspection', { token }, client)).json;
  expect(await ask()).toMatchObject({ active: true });
  const exchange = { grant_type: 'refresh_token', refresh_token: token };
  expect((await door.call('/token', exchange, client)).status).toBe(200);
  expect(await ask()).toEqual({ active: false });
});

test('another node, or this one after a restart, knows of the grace and of the successors', async () => {
  const kept = newKept();
  const open = () => openTestDoor({ refreshTokenGrace: 10_000 }, { kept });
  const [one, other] = [await open(), await open()];
  const before = door;
  door = one;
  tokens = await obtainTokens(one);
  const first = await refresh(tokens);
  door = other;
  const second = await refresh(tokens);
  expect(await isAlive(second)).toBe(true);
  await refresh(first);
  door = one;
  expect(await call(second.refresh_token)).toMatchObject(GONE);
  await Promise.all([one.close(), other.close()]);
  door = before;
});
