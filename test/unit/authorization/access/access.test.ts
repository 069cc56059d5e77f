import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { clientKey, grantHandleOf, subjectKey } from '../../../../src/token/token-id.ts';
import type { Revocation } from '../../../../src/token/withdrawal/revocation-store.ts';
import { ALICE, BOB, IDENTITY_PROVIDER } from '../../../support/authorization-identity-provider.ts';
import {
  authorizationUrl,
  claimsOf,
  newProof,
  obtainTokens,
  openTestDoor,
  REDIRECT,
  type TestDoor,
  type Tokens,
} from '../../../support/authorization-server.ts';

let door: TestDoor;
let revoked: Revocation[];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00Z') });
  door = await openTestDoor();
  revoked = [];
  door.revocations.onRevoked((revocation) => revoked.push(revocation));
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

const handleOf = (tokens: Tokens) => grantHandleOf(String(claimsOf(tokens.access_token)['jti'])) ?? '';
const isAlive = async (tokens: Tokens) => 'addresses' in (await door.verifier.verify(tokens.access_token));
const refresh = (tokens: Tokens, client = 'postern-cli') =>
  door.call('/token', {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
    client_id: client,
  });
const alice = () => door.accounts.all().find(({ idpSubject }) => idpSubject === 'alice-1')?.id ?? '';

test('the end of a person: live tokens at once, then what would make new ones, then the journal', async () => {
  const browser = door.newBrowser();
  const first = await obtainTokens(door, browser);
  const second = await obtainTokens(door, door.newBrowser());
  const ended = await door.server.access.endPerson({ accountId: alice() }, { cause: 'laptop stolen' });
  expect(ended).toEqual({ known: true, people: 1, grants: 2, browserSessions: 2 });
  expect(revoked[0]).toEqual({
    kind: 'subject',
    id: subjectKey(door.issuer, alice()),
    // One second more: the clocks of two nodes may differ.
    issuedBefore: Math.floor(Date.now() / 1000) + 1,
    expiresAt: expect.any(Number),
    cause: 'laptop stolen',
  });
  expect(revoked.slice(1).map(({ kind, id, cause }) => ({ kind, id, cause }))).toEqual(
    expect.arrayContaining([
      { kind: 'grant', id: handleOf(first), cause: 'laptop stolen' },
      { kind: 'grant', id: handleOf(second), cause: 'laptop stolen' },
    ]),
  );
  for (const tokens of [first, second]) {
    expect(await isAlive(tokens)).toBe(false);
    expect((await refresh(tokens)).json).toMatchObject({ error: 'invalid_grant' });
  }
  expect((await browser.go(door.issuer)).text).toContain('Nobody is signed in');
  for (const model of ['Grant', 'RefreshToken', 'AuthorizationCode', 'Session', 'Consent']) {
    expect(door.artifacts.count(model), model).toBe(0);
  }
  expect(door.eventsNamed('personEnded')).toEqual([
    {
      user: 'alice@example.org',
      issuer: IDENTITY_PROVIDER,
      cause: 'laptop stolen',
      grants: 2,
      browserSessions: 2,
      disabled: false,
    },
  ]);
});

test('nobody else is touched, and the person may come back at once', async () => {
  door.identityProvider.person = BOB;
  const bob = await obtainTokens(door);
  door.identityProvider.person = ALICE;
  await obtainTokens(door);
  await door.server.access.endPerson({ address: 'alice@EXAMPLE.org' }, { cause: 'x' });
  expect(await isAlive(bob)).toBe(true);
  expect((await refresh(bob)).status).toBe(200);
  vi.setSystemTime(Date.now() + 1_000);
  expect(await isAlive(await obtainTokens(door))).toBe(true);
});

test('a browser session that a request under way writes again is over all the same', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  const session = await door.artifacts.list(
    'Session',
    { accountId: alice() },
    { now: 0, after: '', limit: 9 },
  );
  await door.server.access.endPerson({ accountId: alice() }, { cause: 'x' });
  for (const { id, ...row } of session) await door.artifacts.put('Session', id, row);
  vi.setSystemTime(Date.now() + 3_600_000);
  const answer = await browser.go(authorizationUrl(door, newProof()));
  expect(answer.url.origin).toBe(IDENTITY_PROVIDER);
});

test('a code that was not yet exchanged is worth nothing', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  const proof = newProof();
  const { url } = await browser.go(authorizationUrl(door, proof));
  await door.server.access.endPerson({ accountId: alice() }, { cause: 'x' });
  const { json } = await door.call('/token', {
    grant_type: 'authorization_code',
    code: url.searchParams.get('code') ?? '',
    redirect_uri: REDIRECT,
    code_verifier: proof.verifier,
    client_id: 'postern-cli',
  });
  expect(json).toMatchObject({ error: 'invalid_grant' });
});

test('who is disabled cannot sign in until enabled', async () => {
  const { access } = door.server;
  await obtainTokens(door);
  await access.endPerson({ accountId: alice() }, { cause: 'x', disable: true });
  await expect(obtainTokens(door)).rejects.toThrow();
  expect(await access.enablePerson({ accountId: alice() }, { cause: 'y' })).toMatchObject({ people: 1 });
  expect(await access.enablePerson({ accountId: alice() }, { cause: 'y' })).toMatchObject({ people: 0 });
  expect(door.eventsNamed('personEnabled')).toEqual([
    { user: 'alice@example.org', issuer: IDENTITY_PROVIDER, cause: 'y' },
  ]);
  vi.setSystemTime(Date.now() + 1_000);
  expect(await isAlive(await obtainTokens(door))).toBe(true);
});

test('a signal does not take an operator’s switch for its own', async () => {
  const { access } = door.server;
  const by = 'https://signals.example';
  await obtainTokens(door);
  await access.endPerson({ accountId: alice() }, { cause: 'operator', disable: true });
  await access.endPerson({ accountId: alice() }, { cause: 'signal', disable: true, by });
  expect(await access.enablePerson({ accountId: alice() }, { cause: 'signal', by })).toMatchObject({
    people: 0,
  });
  expect(door.accounts.all()).toMatchObject([{ disabled: true }]);
});

test('what one transmitter disabled another does not enable', async () => {
  const { access } = door.server;
  await obtainTokens(door);
  const who = { accountId: alice() };
  await access.endPerson(who, { cause: 'x', disable: true, by: 'https://one.example' });
  expect(await access.enablePerson(who, { cause: 'x', by: 'https://two.example' })).toMatchObject({
    people: 0,
  });
  expect(await access.enablePerson(who, { cause: 'x', by: 'https://one.example' })).toMatchObject({
    people: 1,
  });
});

test('the end of a client: its grants, and every token it has, also those without a grant', async () => {
  const tokens = await obtainTokens(door);
  const app = await door.call(
    '/token',
    { grant_type: 'client_credentials' },
    { id: 'billing-app', secret: 'billing-app-secret-0123456789' },
  );
  const appTokens = app.json as unknown as Tokens;
  expect(await isAlive(appTokens)).toBe(true);
  const { access } = door.server;
  expect(await access.endClient('billing-app', { cause: 'secret leaked' })).toMatchObject({
    known: true,
    grants: 0,
  });
  expect(revoked).toMatchObject([{ kind: 'client', id: clientKey(door.issuer, 'billing-app') }]);
  expect(await isAlive(appTokens)).toBe(false);
  expect(await isAlive(tokens)).toBe(true);
  expect(await access.endClient('postern-cli', { cause: 'x' })).toMatchObject({ known: true, grants: 1 });
  expect((await refresh(tokens)).json).toMatchObject({ error: 'invalid_grant' });
  expect(await access.endClient('nobody', { cause: 'x' })).toMatchObject({ known: false, grants: 0 });
  expect(door.eventsNamed('clientEnded').map(({ client }) => client)).toEqual([
    'billing-app',
    'postern-cli',
    'nobody',
  ]);
});

test('the end of one grant leaves the person’s others alone', async () => {
  const first = await obtainTokens(door);
  const second = await obtainTokens(door);
  const ended = await door.server.access.endGrant(handleOf(first), { cause: 'old telephone' });
  expect(ended).toMatchObject({ known: true, grants: 1 });
  expect(await isAlive(first)).toBe(false);
  expect((await refresh(first)).json).toMatchObject({ error: 'invalid_grant' });
  expect(await isAlive(second)).toBe(true);
  expect(door.eventsNamed('grantRevoked')).toEqual([
    { client: 'postern-cli', user: 'alice@example.org', grant: handleOf(first), cause: 'old telephone' },
  ]);
});

test('a grant that is not known any more is revoked all the same; what is no handle is nothing', async () => {
  const { access } = door.server;
  expect(await access.endGrant('0123456789abcdef', { cause: 'x' })).toMatchObject({ known: false });
  expect(revoked).toMatchObject([{ kind: 'grant', id: '0123456789abcdef' }]);
  expect(await access.endGrant('%', { cause: 'x' })).toMatchObject({ known: false });
  expect(revoked).toHaveLength(1);
});

test('nobody known is said to be so, and not journaled as an end', async () => {
  const { access } = door.server;
  const nobody = { known: false, people: 0, grants: 0, browserSessions: 0 };
  expect(await access.endPerson({ accountId: 'x' }, { cause: 'x' })).toEqual(nobody);
  expect(await access.endPerson({ address: 'not an address' }, { cause: 'x' })).toEqual(nobody);
  expect(await access.endPerson({ idpIssuer: 'https://x', idpSubject: 'x' }, { cause: 'x' })).toEqual(nobody);
  expect(await access.endIdpSession({ idpIssuer: 'https://x', sid: 'x' }, { cause: 'x' })).toEqual(nobody);
  expect(await access.endToken({ issuer: 'https://x', tokenId: 'x' }, { cause: 'x' })).toEqual(nobody);
  expect(door.events.filter(({ name }) => /Ended|Revoked/.test(name))).toEqual([]);
});

test('a client with more grants than one page of the listing loses all of them', async () => {
  const row = { uid: undefined, userCode: undefined, expiresAt: undefined };
  for (let index = 0; index < 450; index += 1) {
    await door.artifacts.put('Grant', `grant-row-${String(index).padStart(8, '0')}`, {
      ...row,
      payload: '{}',
      grantId: `g-${index}`,
      clientId: 'postern-cli',
      accountId: 'a',
    });
  }
  expect(await door.server.access.endClient('postern-cli', { cause: 'x' })).toMatchObject({ grants: 450 });
  expect(door.artifacts.count('Grant')).toBe(0);
});

test('an end may be repeated', async () => {
  await obtainTokens(door);
  const again = () => door.server.access.endPerson({ accountId: alice() }, { cause: 'x' });
  await again();
  expect(await again()).toEqual({ known: true, people: 1, grants: 0, browserSessions: 0 });
});

test('where the store fails the live tokens are revoked before it is told', async () => {
  const tokens = await obtainTokens(door);
  door.artifacts.list = () => Promise.reject(new Error('store is down'));
  await expect(door.server.access.endPerson({ accountId: alice() }, { cause: 'x' })).rejects.toThrow('store');
  expect(await isAlive(tokens)).toBe(false);
});
