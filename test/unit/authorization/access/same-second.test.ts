// A second has room for a sign-in, a revocation and another sign-in: what came before is dead, what came after is good.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFreshStart } from '../../../../src/authorization/access/fresh-start.ts';
import type { Browser } from '../../../support/authorization-browser.ts';
import { ALICE, IDENTITY_PROVIDER } from '../../../support/authorization-identity-provider.ts';
import {
  authorizationUrl,
  comeBack,
  exchangeCode,
  newKept,
  newProof,
  obtainTokens,
  openTestDoor,
  REDIRECT,
  signInAndAllow,
  type TestDoor,
  type Tokens,
} from '../../../support/authorization-server.ts';
import { memoryRevocations } from '../../../support/authorization-stores.ts';

const START = Date.parse('2026-11-01T00:00:00.100Z');
const WHY = { cause: 'laptop stolen' };
let door: TestDoor;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
  door = await openTestDoor();
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

const alice = () => door.accounts.all().find(({ idpSubject }) => idpSubject === 'alice-1')?.id ?? '';
const later = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);
const isAlive = async ({ access_token: token }: Pick<Tokens, 'access_token'>, at = door) =>
  'addresses' in (await at.verifier.verify(token));
const refresh = ({ refresh_token: token }: Tokens) =>
  door.call('/token', { grant_type: 'refresh_token', refresh_token: token, client_id: 'postern-cli' });

async function appTokens(at = door): Promise<Pick<Tokens, 'access_token'>> {
  const client = { id: 'billing-app', secret: 'billing-app-secret-0123456789' };
  const { status, json } = await at.call('/token', { grant_type: 'client_credentials' }, client);
  expect(status).toBe(200);
  return json as unknown as Tokens;
}

test('a person who signs in 10 ms after their access ended comes through, in the same browser', async () => {
  const browser = door.newBrowser();
  const before = await obtainTokens(door, browser);
  later(10);
  await door.server.access.endPerson({ accountId: alice() }, WHY);
  later(10);
  const after = await obtainTokens(door, browser);
  expect(door.identityProvider.finished).toBe(2);
  expect(Date.now() - START).toBeLessThan(3_000);
  expect([await isAlive(before), await isAlive(after)]).toEqual([false, true]);
  expect((await refresh(before)).json).toMatchObject({ error: 'invalid_grant' });
  expect((await refresh(after)).status).toBe(200);
  // The browser session is good, too: the next program needs no sign-in.
  const again = await signInAndAllow(browser, authorizationUrl(door, newProof()));
  expect(again.href.startsWith(REDIRECT)).toBe(true);
  expect(door.identityProvider.finished).toBe(2);
});

test('the end of a session at the identity provider, and one of a person by its subject, do no worse', async () => {
  door.identityProvider.person = { ...ALICE, sid: 'session-1' };
  const first = await obtainTokens(door);
  later(10);
  const session = { idpIssuer: IDENTITY_PROVIDER, sid: 'session-1', idpSubject: 'alice-1' };
  await door.server.access.endIdpSession(session, WHY);
  later(10);
  // Some identity providers go on with the name of a session that they have ended.
  const same = await obtainTokens(door);
  door.identityProvider.person = { ...ALICE, sid: 'session-2' };
  const second = await obtainTokens(door);
  expect([await isAlive(first), await isAlive(same), await isAlive(second)]).toEqual([false, true, true]);
  later(10);
  await door.server.access.endPerson({ idpIssuer: IDENTITY_PROVIDER, idpSubject: 'alice-1' }, WHY);
  later(10);
  const third = await obtainTokens(door);
  expect([await isAlive(second), await isAlive(third)]).toEqual([false, true]);
});

test('the tokens of a client from before its end are dead, and the next ones good', async () => {
  const before = await appTokens();
  later(10);
  await door.server.access.endClient('billing-app', WHY);
  later(10);
  const after = await appTokens();
  expect([await isAlive(before), await isAlive(after)]).toEqual([false, true]);
});

test('so are those that a person gets through it', async () => {
  const browser = door.newBrowser();
  const before = await obtainTokens(door, browser);
  later(10);
  await door.server.access.endClient('postern-cli', WHY);
  later(10);
  const after = await obtainTokens(door, browser);
  expect([await isAlive(before), await isAlive(after)]).toEqual([false, true]);
});

/** Signs in at the identity provider, and goes no further: the way on. */
async function signInAndWait(browser: Browser): Promise<URL> {
  const sent = await browser.go(authorizationUrl(door, newProof()));
  const callback = new URL(sent.url.searchParams.get('redirect_uri') ?? '');
  callback.searchParams.set('state', sent.url.searchParams.get('state') ?? '');
  callback.searchParams.set('code', 'code-of-the-identity-provider');
  const cookies = browser.cookies().filter(({ path }) => path === '/');
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  const { headers } = await door.transport({ method: 'GET', url: callback, headers: { cookie } });
  return new URL(headers.get('location') ?? '');
}

const SESSION = { idpIssuer: IDENTITY_PROVIDER, sid: 'session-1', idpSubject: 'alice-1' };

test.each([
  ['a person', () => door.server.access.endPerson({ accountId: alice() }, WHY)],
  ['their session at the identity provider', () => door.server.access.endIdpSession(SESSION, WHY)],
])(
  'a sign-in that was done before the end of %s and held back is worth nothing afterwards',
  async (_of, end) => {
    door.identityProvider.person = { ...ALICE, sid: 'session-1' };
    await obtainTokens(door);
    const browser = door.newBrowser();
    const wayOn = await signInAndWait(browser);
    expect(door.eventsNamed('signInSucceeded')).toHaveLength(2);
    later(5_000);
    await end();
    later(1_000_000);
    const answer = await browser.go(wayOn);
    expect(answer.url.origin).toBe(IDENTITY_PROVIDER);
  },
);

test.each(['session-1', 'session-2', undefined])(
  'a browser session that a request under way has written again is over; %s comes through',
  async (sid) => {
    door.identityProvider.person = { ...ALICE, sid: 'session-1' };
    const browser = door.newBrowser();
    await obtainTokens(door, browser);
    const page = { now: 0, after: '', limit: 9 };
    const [session] = await door.artifacts.list('Session', { accountId: alice() }, page);
    if (session === undefined) throw new Error('no session');
    later(10);
    await door.server.access.endIdpSession(SESSION, WHY);
    await door.artifacts.put('Session', session.id, session);
    later(10);
    const sent = await browser.go(authorizationUrl(door, newProof()));
    expect(sent.url.origin).toBe(IDENTITY_PROVIDER);
    door.identityProvider.person = { ...ALICE, sid };
    expect((await comeBack(browser, sent)).url.href.startsWith(REDIRECT)).toBe(true);
    expect(await isAlive(await obtainTokens(door, browser))).toBe(true);
    expect(door.identityProvider.finished).toBe(2);
  },
);

test('a code made while access was being ended, too late to be found, is worth nothing', async () => {
  const browser = door.newBrowser();
  const proof = newProof();
  const answer = await signInAndAllow(browser, authorizationUrl(door, proof));
  const { list } = door.artifacts;
  door.artifacts.list = async () => [];
  await door.server.access.endPerson({ accountId: alice() }, WHY);
  door.artifacts.list = list;
  later(30_000);
  expect(await exchangeCode(door, answer, proof)).toMatchObject({
    status: 400,
    json: { error: 'invalid_grant' },
  });
});

test('a sign-in at another node, which has not heard of it yet, is good at both', async () => {
  const revocationStore = memoryRevocations();
  const kept = newKept();
  const [one, other] = [
    await openTestDoor({}, { kept, revocationStore }),
    await openTestDoor({}, { kept, revocationStore }),
  ];
  const before = await obtainTokens(one);
  const [account] = kept.accounts.all();
  later(10);
  await one.server.access.endPerson({ accountId: account?.id ?? '' }, WHY);
  later(10);
  const after = await obtainTokens(other);
  await other.revocations.tick();
  for (const node of [one, other]) {
    expect([await isAlive(before, node), await isAlive(after, node)]).toEqual([false, true]);
  }
  await one.close();
  await other.close();
});

test('a node whose clock is a little ahead leaves no token behind that outlives the end', async () => {
  later(1_500);
  const before = await appTokens();
  later(-900);
  await door.server.access.endClient('billing-app', WHY);
  expect(await isAlive(before)).toBe(false);
});

test('nobody waits long, and nobody at all where nothing was revoked or whatever is issued is', async () => {
  const waits = async (until: number, early = 0) => {
    let time = 100_400;
    const waited: number[] = [];
    const freshStart = createFreshStart({
      revocations: { revokedUntil: () => until, tick: async () => undefined },
      origins: { endedUntil: async () => Number.NEGATIVE_INFINITY },
      issuer: door.issuer,
      now: () => time,
      pause: async (milliseconds) => {
        waited.push(milliseconds);
        time += milliseconds - early;
      },
    });
    await freshStart.ofToken({ accountId: undefined, clientId: 'x' });
    return waited;
  };
  expect(await waits(100)).toEqual([600]);
  expect(await waits(101)).toEqual([1_600]);
  // A timer that fires a millisecond too early.
  expect(await waits(100, 1)).toEqual([600, 2]);
  for (const until of [Number.NEGATIVE_INFINITY, 99, 106, Number.POSITIVE_INFINITY]) {
    expect(await waits(until)).toEqual([]);
  }
});
