import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import {
  authorizationUrl,
  claimsOf,
  exchangeCode,
  goToConsent,
  headerOf,
  MAIL,
  newProof,
  obtainTokens,
  openTestDoor,
  signInAndAllow,
  type TestDoor,
} from '../../../support/authorization-server.ts';

let door: TestDoor;
beforeEach(async () => {
  door = await openTestDoor();
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

const refresh = (token: string, changes = {}) =>
  door.call('/token', {
    grant_type: 'refresh_token',
    refresh_token: token,
    client_id: 'postern-cli',
    ...changes,
  });

test('the answer carries code, state and issuer, and nothing else', async () => {
  const answer = await signInAndAllow(door.newBrowser(), authorizationUrl(door, newProof()));
  expect(answer.origin + answer.pathname).toBe('http://127.0.0.1:51234/callback');
  expect([...answer.searchParams.keys()].sort()).toEqual(['code', 'iss', 'state']);
  // RFC 9207 §2.
  expect(answer.searchParams.get('iss')).toBe('https://mail.example.org');
  expect(answer.searchParams.get('state')).toBe('state-of-the-client');
});

test('the access token is an RFC 9068 JWT with the fewest claims that work', async () => {
  const tokens = await obtainTokens(door);
  expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 900 });
  expect(headerOf(tokens.access_token)).toEqual({
    alg: 'ES256',
    typ: 'at+jwt',
    kid: (door.keyring.publicJwks().keys as { kid: string }[])[0]?.kid,
  });
  const account = door.accounts.all()[0];
  const claims = claimsOf(tokens.access_token);
  expect(claims).toEqual({
    iss: 'https://mail.example.org',
    sub: account?.id,
    aud: 'https://mail.example.org',
    client_id: 'postern-cli',
    scope: MAIL,
    iat: expect.any(Number),
    exp: Number(claims['iat']) + 900,
    jti: expect.stringMatching(/^[\w-]{16}\.[\w-]{11}$/),
  });
  // NeoMutt has a buffer of 512 octets for it.
  expect(tokens.access_token.length).toBeLessThan(512);
});

test('the submission side takes the token for the person’s', async () => {
  const principal = await door.verifier.verify((await obtainTokens(door)).access_token);
  expect(principal).toMatchObject({
    addresses: ['alice@example.org'],
    clientId: 'postern-cli',
    scopes: [MAIL],
  });
});

test('with openid and email the program learns who it is', async () => {
  const tokens = await obtainTokens(door, door.newBrowser(), { scope: `openid email ${MAIL}`, nonce: 'n-1' });
  expect(claimsOf(tokens.id_token ?? '')).toMatchObject({
    iss: 'https://mail.example.org',
    aud: 'postern-cli',
    sub: claimsOf(tokens.access_token)['sub'],
    email: 'alice@example.org',
    nonce: 'n-1',
  });
  expect(headerOf(tokens.id_token ?? '')['alg']).toBe('ES256');
});

test('without offline_access there is no refresh token; with it there is, though no prompt was asked for', async () => {
  const browser = door.newBrowser();
  expect(await obtainTokens(door, browser, { scope: MAIL })).not.toHaveProperty('refresh_token');
  expect(await obtainTokens(door, browser)).toHaveProperty('refresh_token', expect.any(String));
});

test('the answer to a request for offline_access says that it was granted, and so does that to a refresh', async () => {
  const granted = `${MAIL} offline_access`;
  const tokens = await obtainTokens(door);
  expect(tokens.scope).toBe(granted);
  expect(claimsOf(tokens.access_token)['scope']).toBe(MAIL);
  const { json } = await refresh(tokens.refresh_token);
  expect(json['scope']).toBe(granted);
  expect((await refresh(String(json['refresh_token']), { scope: MAIL })).json['scope']).toBe(MAIL);
  expect((await obtainTokens(door, door.newBrowser(), { scope: MAIL })).scope).toBe(MAIL);
});

test('a request that names no scope may send mail', async () => {
  expect(await obtainTokens(door, door.newBrowser(), { scope: undefined })).toMatchObject({ scope: MAIL });
});

test('the narrower scope is enough to send', async () => {
  const tokens = await obtainTokens(door, door.newBrowser(), { scope: 'smtp.submit' });
  expect(tokens.scope).toBe('smtp.submit');
  expect(isRefusal(await door.verifier.verify(tokens.access_token))).toBe(false);
});

test('unknown scopes are left out; nothing but unknown ones is an error for the program', async () => {
  const tokens = await obtainTokens(door, door.newBrowser(), {
    scope: `${MAIL} urn:ietf:params:oauth:scope:contacts`,
  });
  expect(tokens.scope).toBe(MAIL);
  const answer = await door.newBrowser().go(authorizationUrl(door, newProof(), { scope: 'contacts' }));
  expect(answer.url.searchParams.get('error')).toBe('invalid_scope');
  expect(answer.url.searchParams.get('iss')).toBe('https://mail.example.org');
});

test('the submission host may be named as the resource; another one is refused', async () => {
  const resource = 'smtp://mail.example.org';
  const tokens = await obtainTokens(door, door.newBrowser(), { resource });
  expect(claimsOf(tokens.access_token)['aud']).toBe('https://mail.example.org');
  const again = await refresh(tokens.refresh_token);
  expect(claimsOf(String(again.json['access_token']))['aud']).toBe('https://mail.example.org');
  const answer = await door
    .newBrowser()
    .go(authorizationUrl(door, newProof(), { resource: 'https://imap.example.org' }));
  expect(answer.url.searchParams.get('error')).toBe('invalid_target');
});

test('a confidential client exchanges its code with its secret, by either method', async () => {
  const redirect = { client_id: 'web-app', redirect_uri: 'https://webmail.example.org/callback' };
  const secret = 'web-app-secret-0123456789';
  const browser = door.newBrowser();
  for (const proofOfClient of [
    { header: { id: 'web-app', secret }, fields: {} },
    { header: undefined, fields: { client_id: 'web-app', client_secret: secret } },
  ]) {
    const proof = newProof();
    const answer = await signInAndAllow(browser, authorizationUrl(door, proof, redirect));
    const fields = { redirect_uri: redirect.redirect_uri, ...proofOfClient.fields };
    const { status, json } = await exchangeCode(door, answer, proof, fields, proofOfClient.header);
    expect(status, JSON.stringify(json)).toBe(200);
    expect(claimsOf(String(json['access_token']))['client_id']).toBe('web-app');
  }
});

test('refresh tokens rotate', async () => {
  const tokens = await obtainTokens(door);
  const first = await refresh(tokens.refresh_token);
  expect(first.status).toBe(200);
  expect(first.json['refresh_token']).not.toBe(tokens.refresh_token);
  const second = await refresh(String(first.json['refresh_token']));
  expect(second.status).toBe(200);
  expect(claimsOf(String(second.json['access_token']))['jti']).not.toBe(claimsOf(tokens.access_token)['jti']);
  expect(door.eventsNamed('tokenRefreshed')).toHaveLength(2);
  expect(door.eventsNamed('tokenRefreshed')[0]).toMatchObject({
    client: 'postern-cli',
    user: 'alice@example.org',
    grant: expect.stringMatching(/^[\w-]{16}$/),
    tokenId: claimsOf(String(first.json['access_token']))['jti'],
    scope: MAIL,
  });
});

test('a refresh token can ask for less, not for more', async () => {
  const tokens = await obtainTokens(door, door.newBrowser(), { scope: `${MAIL} smtp.submit offline_access` });
  const less = await refresh(tokens.refresh_token, { scope: 'smtp.submit' });
  expect(less.json['scope']).toBe('smtp.submit');
  const more = await refresh(String(less.json['refresh_token']), { scope: `${MAIL} openid` });
  expect(more).toMatchObject({ status: 400, json: { error: 'invalid_scope' } });
});

test('a refresh token lives on while it is used, but not past the consent', async () => {
  await door.close();
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00Z') });
  const day = 86_400_000;
  door = await openTestDoor({ refreshTokenLifetime: 10 * day, grantLifetime: 25 * day });
  let { refresh_token: token } = await obtainTokens(door);
  for (let used = 0; used < 3; used += 1) {
    vi.setSystemTime(Date.now() + 8 * day);
    const { status, json } = await refresh(token);
    expect(status).toBe(200);
    token = String(json['refresh_token']);
  }
  // Day 24 has passed; the grant ends on day 25, eight days before this token would.
  vi.setSystemTime(Date.now() + 1.5 * day);
  expect(await refresh(token)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
});

test('an unused refresh token expires', async () => {
  await door.close();
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00Z') });
  door = await openTestDoor({ refreshTokenLifetime: 60_000 });
  const { refresh_token: token } = await obtainTokens(door);
  vi.setSystemTime(Date.now() + 61_000);
  expect(await refresh(token)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
});

test('an account that is switched off gets no more tokens', async () => {
  const tokens = await obtainTokens(door);
  door.accounts.disable(door.accounts.all()[0]?.id ?? '');
  expect(await refresh(tokens.refresh_token)).toMatchObject({
    status: 400,
    json: { error: 'invalid_grant' },
  });
});

test('each authorization has a grant of its own: ending one leaves the other alone', async () => {
  const browser = door.newBrowser();
  const laptop = await obtainTokens(door, browser);
  const proof = newProof();
  const answer = await browser.go(authorizationUrl(door, proof));
  const desktop = await exchangeCode(door, answer.url, proof);
  await door.call('/token/revocation', { token: laptop.refresh_token, client_id: 'postern-cli' });
  expect(isRefusal(await door.verifier.verify(laptop.access_token))).toBe(true);
  expect(isRefusal(await door.verifier.verify(String(desktop.json['access_token'])))).toBe(false);
  expect((await refresh(String(desktop.json['refresh_token']))).status).toBe(200);
});

test('a program built on a browser engine, which writes Origin, gets its tokens', async () => {
  const { refresh_token: token } = await obtainTokens(door);
  for (const origin of ['null', 'app://mail']) {
    const answer = await door.transport({
      method: 'POST',
      url: new URL('/token', door.issuer),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin },
      body: `grant_type=refresh_token&client_id=postern-cli&refresh_token=${origin === 'null' ? token : 'x'}`,
    });
    expect(answer.status).toBe(origin === 'null' ? 200 : 400);
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  }
});

test('what is issued is journaled, without the tokens', async () => {
  const tokens = await obtainTokens(door);
  expect(door.events.map(({ name }) => name)).toEqual([
    'signInStarted',
    'signInSucceeded',
    'consentGiven',
    'tokenIssued',
  ]);
  expect(door.eventsNamed('tokenIssued')[0]).toEqual({
    peer: '127.0.0.1',
    client: 'postern-cli',
    user: 'alice@example.org',
    grantType: 'authorization_code',
    grant: String(claimsOf(tokens.access_token)['jti']).slice(0, 16),
    tokenId: claimsOf(tokens.access_token)['jti'],
    scope: MAIL,
  });
  const journal = JSON.stringify(door.events);
  expect(journal).not.toContain(tokens.access_token);
  expect(journal).not.toContain(tokens.refresh_token);
});

test('the store holds no refresh token, code or session cookie that could be used', async () => {
  const browser = door.newBrowser();
  const proof = newProof();
  const answer = await signInAndAllow(browser, authorizationUrl(door, proof));
  const code = answer.searchParams.get('code') ?? '';
  const { json } = await exchangeCode(door, answer, proof);
  const kept = door.artifacts.dump();
  expect(kept).not.toContain(code);
  expect(kept).not.toContain(String(json['refresh_token']));
  const session = browser.cookies().find(({ name }) => name === '__Host-postern_session');
  expect(session?.value).toMatch(/^[\w-]{43}$/);
  expect(kept).not.toContain(session?.value);
});

test('a page shown while keys rotate can still be answered, and the new key signs', async () => {
  await door.close();
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00Z') });
  door = await openTestDoor();
  const before = (door.keyring.publicJwks().keys as { kid: string }[])[0]?.kid;
  const browser = door.newBrowser();
  const proof = newProof();
  const page = await goToConsent(browser, authorizationUrl(door, proof));
  const held = await obtainTokens(door);
  for (const days of [30, 31]) {
    // The keyring has no need of the interaction, whose half hour must not pass.
    const now = Date.now();
    vi.setSystemTime(now + days * 86_400_000);
    await door.keyring.tick();
    vi.setSystemTime(now);
  }
  const keys = (door.keyring.publicJwks().keys as { kid: string }[]).map(({ kid }) => kid);
  expect(keys.length).toBeGreaterThan(1);
  const jwks = await door.transport({ method: 'GET', url: new URL('/jwks', door.issuer), headers: {} });
  expect((JSON.parse(jwks.text).keys as { kid: string }[]).map(({ kid }) => kid)).toEqual(keys);
  const answer = (await browser.press(page, 'answer', 'allow')).url;
  const { status, json } = await exchangeCode(door, answer, proof);
  expect(status).toBe(200);
  expect(keys[0]).not.toBe(before);
  expect(headerOf(String(json['access_token']))['kid']).toBe(keys[0]);
  expect(isRefusal(await door.verifier.verify(held.access_token))).toBe(false);
});
