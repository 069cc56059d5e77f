// OpenID Connect Back-Channel Logout 1.0: the request of §2.5, the validation of §2.6, the actions of §2.7, the response of §2.8.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { ALICE, BOB, IDENTITY_PROVIDER } from '../support/authorization-identity-provider.ts';
import { MAIL, obtainTokens, openTestDoor, type TestDoor } from '../support/authorization-server.ts';
import { LOGOUT, type Network, networkOf, sender } from '../support/signals.ts';
import { goodClaims, mintToken, type TokenClaims, testKey, trustedIssuer } from '../support/tokens.ts';

const idp = sender(IDENTITY_PROVIDER);
let network: Network;
let door: TestDoor;
let serial = 0;

beforeEach(async () => {
  network = networkOf(idp);
  door = await openTestDoor({}, { fetch: network.fetch });
  door.identityProvider.person = { ...ALICE, sid: 'sid-of-alice' };
});
afterEach(() => door.close());

const seconds = () => Math.floor(Date.now() / 1000);

function logoutToken(changes: TokenClaims = {}, header: TokenClaims = {}): string {
  serial += 1;
  const claims = {
    iss: IDENTITY_PROVIDER,
    sub: 'alice-1',
    aud: 'postern',
    iat: seconds(),
    exp: seconds() + 120,
    jti: `logout-${serial}`,
    sid: 'sid-of-alice',
    events: { [LOGOUT]: {} },
    ...changes,
  };
  return idp.logoutToken(claims, header);
}

const send = (token: string) => door.call('/back-channel-logout', { logout_token: token });
const refresh = (tokens: { refresh_token: string }) =>
  door.call('/token', {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
    client_id: 'postern-cli',
  });

test('§2.5, §2.8: a logout is answered with 200, nothing in it, not to be cached', async () => {
  const { status, headers, json } = await send(logoutToken());
  expect(status).toBe(200);
  expect(json).toEqual({});
  expect(headers.get('cache-control')).toBe('no-store');
});

test('§2.7: the session it names ends: browser, access token, refresh token', async () => {
  const browser = door.newBrowser();
  const tokens = await obtainTokens(door, browser);
  expect((await send(logoutToken())).status).toBe(200);
  expect((await browser.go(door.issuer)).text).toContain('Nobody is signed in');
  expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ code: 'token-revoked' });
  expect(await refresh(tokens)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
  expect(door.eventsNamed('idpSessionEnded')).toEqual([
    {
      user: 'alice@example.org',
      issuer: IDENTITY_PROVIDER,
      cause: `logout at ${IDENTITY_PROVIDER}`,
      grants: 1,
      browserSessions: 1,
    },
  ]);
  expect(door.eventsNamed('signalReceived')).toMatchObject([{ via: 'logout', outcome: 'ended' }]);
});

test('§2.7: another session of the same person goes on', async () => {
  const first = await obtainTokens(door);
  door.identityProvider.person = { ...ALICE, sid: 'sid-of-the-laptop' };
  const laptop = door.newBrowser();
  const second = await obtainTokens(door, laptop);
  await send(logoutToken());
  expect(await door.verifier.verify(first.access_token)).toMatchObject({ code: 'token-revoked' });
  expect(await door.verifier.verify(second.access_token)).toMatchObject({ clientId: 'postern-cli' });
  expect((await laptop.go(door.issuer)).text).toContain('alice@example.org');
  expect((await refresh(second)).status).toBe(200);
});

test('§2.7: only a sid is enough', async () => {
  const tokens = await obtainTokens(door);
  await send(logoutToken({ sub: undefined }));
  expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ code: 'token-revoked' });
});

test('§2.4: without a sid every session of the person ends, and nobody else’s', async () => {
  const first = await obtainTokens(door);
  door.identityProvider.person = { ...ALICE, sid: 'sid-of-the-laptop' };
  const second = await obtainTokens(door);
  door.identityProvider.person = { ...BOB, sid: 'sid-of-bob' };
  const bob = await obtainTokens(door);
  await send(logoutToken({ sid: undefined }));
  for (const tokens of [first, second]) {
    expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ code: 'token-revoked' });
  }
  expect(await door.verifier.verify(bob.access_token)).toMatchObject({ addresses: ['bob@example.org'] });
});

test('a sid of a session that nobody has here leaves marked sessions alone, and is answered alike', async () => {
  const tokens = await obtainTokens(door);
  expect((await send(logoutToken({ sid: 'sid-of-somewhere-else' }))).status).toBe(200);
  expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ clientId: 'postern-cli' });
  expect(door.eventsNamed('signalReceived')).toMatchObject([{ outcome: 'nobody' }]);
});

test('where the sign-in told no sid, the person’s programs end by the sub', async () => {
  door.identityProvider.person = ALICE;
  const tokens = await obtainTokens(door);
  await send(logoutToken());
  expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ code: 'token-revoked' });
});

test.each<[name: string, changes: TokenClaims, header?: TokenClaims]>([
  ['wrong aud', { aud: 'another-client' }],
  ['another issuer', { iss: 'https://evil.example.org' }],
  ['missing events', { events: undefined }],
  ['an event of another kind', { events: { 'https://example.org/event': {} } }],
  ['a nonce', { nonce: 'n' }],
  ['neither sub nor sid', { sub: undefined, sid: undefined }],
  ['future iat', { iat: Math.floor(Date.now() / 1000) + 3600 }],
  ['old iat', { iat: Math.floor(Date.now() / 1000) - 3600 }],
  ['expired', { exp: Math.floor(Date.now() / 1000) - 3600 }],
  ['no jti', { jti: undefined }],
  ['alg none in its header', {}, { alg: 'none' }],
  ['HMAC in its header', {}, { alg: 'HS256' }],
  ['the typ of an access token', {}, { typ: 'at+jwt' }],
])('§2.6: %s ends nothing: 400 with an error, uncached', async (_name, changes, header = {}) => {
  const tokens = await obtainTokens(door);
  const { status, headers, json } = await send(logoutToken(changes, header));
  expect(status).toBe(400);
  expect(json).toEqual({ error: 'invalid_request', error_description: expect.any(String) });
  expect(headers.get('cache-control')).toBe('no-store');
  expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ clientId: 'postern-cli' });
  expect(door.eventsNamed('signalRefused')).toHaveLength(1);
});

test('§2.6: a token signed by somebody else ends nothing', async () => {
  const tokens = await obtainTokens(door);
  const forged = logoutToken().split('.')[1] ?? '';
  const claims = JSON.parse(Buffer.from(forged, 'base64url').toString());
  const foreign = mintToken(testKey('ES256', idp.key.kid), claims, { typ: 'logout+jwt' });
  expect((await send(foreign)).status).toBe(400);
  expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ clientId: 'postern-cli' });
});

test('§2.6: a replayed jti is refused, one after the other or both at once', async () => {
  const token = logoutToken();
  const both = await Promise.all([send(token), send(token)]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
  const tokens = await obtainTokens(door);
  expect(await send(token)).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
  expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ clientId: 'postern-cli' });
});

test.each([
  ['no logout_token', {}],
  ['an empty one', { logout_token: '' }],
  ['garbage', { logout_token: 'x.y.z' }],
])('§2.8: %s is 400', async (_name, form) => {
  expect(await door.call('/back-channel-logout', form)).toMatchObject({
    status: 400,
    json: { error: 'invalid_request' },
  });
});

test('§2.5: another content type, another method and a huge body are refused as JSON', async () => {
  const url = new URL('/back-channel-logout', door.issuer);
  const post = (type: string, body: string) =>
    door.transport({ method: 'POST', url, headers: { 'content-type': type }, body });
  expect((await post('application/json', '{}')).status).toBe(415);
  const huge = await post('application/x-www-form-urlencoded', `logout_token=${'x'.repeat(64 * 1024)}`);
  expect(huge.status).toBe(413);
  expect(JSON.parse(huge.text)).toMatchObject({ error: 'invalid_request' });
  const get = await door.transport({ method: 'GET', url, headers: {} });
  expect(get.status).toBe(405);
  expect(get.headers.get('allow')).toBe('POST');
  expect(JSON.parse(get.text)).toMatchObject({ error: 'invalid_request' });
});

test('while the issuer’s keys cannot be had it is not called invalid', async () => {
  network.isDown = true;
  const token = logoutToken();
  expect(await send(token)).toMatchObject({ status: 400, json: { error: 'temporarily_unavailable' } });
});

test('tokens of the identity provider that are accepted directly end with the session, found by its sid', async () => {
  await door.close();
  const trusted = trustedIssuer(IDENTITY_PROVIDER, { allowInsecureHttp: false });
  door = await openTestDoor({}, { fetch: network.fetch, trustedIssuers: [trusted] });
  door.identityProvider.person = { ...ALICE, sid: 'sid-of-alice' };
  await obtainTokens(door);
  const claims = goodClaims(IDENTITY_PROVIDER, { sub: 'alice-1' }, Date.now() - 5_000);
  const direct = mintToken(idp.key, claims);
  expect(await door.verifier.verify(direct)).toMatchObject({ issuer: IDENTITY_PROVIDER });
  await send(logoutToken({ sub: undefined }));
  expect(await door.verifier.verify(direct)).toMatchObject({ code: 'token-revoked' });
});

test('§2.7: grants without offline_access end as well when mail sessions are spared; those with it stay', async () => {
  await door.close();
  door = await openTestDoor({ backChannelLogout: { endMailSessions: false } }, { fetch: network.fetch });
  door.identityProvider.person = { ...ALICE, sid: 'sid-of-alice' };
  const browser = door.newBrowser();
  const lasting = await obtainTokens(door, browser);
  const passing = await obtainTokens(door, browser, { scope: MAIL });
  await send(logoutToken());
  expect(await door.verifier.verify(lasting.access_token)).toMatchObject({ clientId: 'postern-cli' });
  expect((await refresh(lasting)).status).toBe(200);
  expect(await door.verifier.verify(passing.access_token)).toMatchObject({ code: 'token-revoked' });
  expect((await browser.go(door.issuer)).text).toContain('Nobody is signed in');
});
