// The device grant from the first request to the tokens, and what is refused on the way (RFC 8628 §3.4, §3.5).

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  approve,
  askForCode,
  confirm,
  DEVICE_GRANT,
  enterCode,
  goToDeviceConsent,
  poll,
} from '../../../support/authorization-device.ts';
import {
  APP,
  claimsOf,
  comeBack,
  exchangeCode,
  MAIL,
  MAIL_PROGRAM,
  newKept,
  obtainTokens,
  openTestDoor,
  type TestDoor,
  WEB_APP,
} from '../../../support/authorization-server.ts';

const DEVICE = {
  clientId: 'printer',
  name: 'Printer',
  redirectUris: [],
  sendAs: [],
  deviceGrant: true,
};

let door: TestDoor;
const open = (changes: Parameters<typeof openTestDoor>[0] = {}) =>
  openTestDoor({ clients: [APP, WEB_APP, MAIL_PROGRAM, DEVICE], ...changes });

beforeEach(async () => {
  door = await open();
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

/** Once more, with a clock that stands still. */
async function openWithClock(): Promise<void> {
  await door.close();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  door = await open();
}

const errorOf = async (answer: ReturnType<typeof poll>) => (await answer).json['error'];

/** Refreshes as a program does; the status tells whether the grant lives. */
const refresh = (token: unknown) =>
  door.call('/token', {
    grant_type: 'refresh_token',
    refresh_token: String(token),
    client_id: 'postern-cli',
  });

test('metadata and answer are as a device expects them (RFC 8628 §3.2, §4)', async () => {
  const metadata = await door.newBrowser().go(`${door.issuer}/.well-known/oauth-authorization-server`);
  expect(JSON.parse(metadata.text)).toMatchObject({
    device_authorization_endpoint: 'https://mail.example.org/device/auth',
    grant_types_supported: expect.arrayContaining([DEVICE_GRANT]),
  });
  const device = await askForCode(door);
  expect(device).toEqual({
    device_code: expect.stringMatching(/^[\w-]{43}$/),
    user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
    verification_uri: 'https://mail.example.org/device',
    verification_uri_complete: `https://mail.example.org/device?user_code=${device.user_code}`,
    expires_in: 900,
    interval: 5,
  });
  expect(door.eventsNamed('deviceGrantStarted')).toEqual([
    { peer: '127.0.0.1', client: 'postern-cli', scope: `offline_access ${MAIL}` },
  ]);
});

test('what a person allows becomes tokens as from any other grant', async () => {
  const device = await askForCode(door, { scope: `openid email ${MAIL} offline_access` });
  expect(await poll(door, device)).toMatchObject({ status: 400, json: { error: 'authorization_pending' } });
  expect((await approve(door.newBrowser(), door.issuer, device)).text).toContain('The device is connected');
  const { status, headers, json } = await poll(door, device);
  expect(status).toBe(200);
  expect(headers.get('cache-control')).toContain('no-store');
  expect(json).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: `${MAIL} offline_access` });
  expect(claimsOf(String(json['id_token']))).toMatchObject({ email: 'alice@example.org' });
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({
    addresses: ['alice@example.org'],
    clientId: 'postern-cli',
  });
  const rotated = await refresh(json['refresh_token']);
  expect(rotated.status).toBe(200);
  expect(await refresh(json['refresh_token'])).toMatchObject({ json: { error: 'invalid_grant' } });
  expect(await refresh(rotated.json['refresh_token'])).toMatchObject({ json: { error: 'invalid_grant' } });
  const [grant] = door.eventsNamed('consentGiven').map((event) => event['grant']);
  expect(door.eventsNamed('consentGiven')).toMatchObject([
    { user: 'alice@example.org', requestedFrom: '127.0.0.1' },
  ]);
  expect(door.eventsNamed('tokenIssued')).toMatchObject([
    { grantType: DEVICE_GRANT, user: 'alice@example.org', grant, client: 'postern-cli' },
  ]);
  // Waiting is nothing to report.
  expect(door.eventsNamed('clientRefused').map(({ error }) => error)).not.toContain('authorization_pending');
});

test('revoking the refresh token ends what came of the code', async () => {
  const device = await askForCode(door);
  await approve(door.newBrowser(), door.issuer, device);
  const { json } = await poll(door, device);
  await door.call('/token/revocation', { token: String(json['refresh_token']), client_id: 'postern-cli' });
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({ code: 'token-revoked' });
});

test.each(['deny at the consent', 'refuse at the confirmation', 'cancel at the identity provider'])(
  'who does not want to may %s: the device is told, once',
  async (how) => {
    const browser = door.newBrowser();
    const device = await askForCode(door);
    if (how.startsWith('deny')) {
      const consent = await goToDeviceConsent(browser, door.issuer, device);
      expect((await browser.press(consent, 'answer', 'deny')).text).toContain('You did not allow it');
      expect(door.eventsNamed('consentDenied')).toMatchObject([{ requestedFrom: '127.0.0.1' }]);
    } else if (how.startsWith('refuse')) {
      const page = await enterCode(browser, door.issuer, device.user_code);
      expect((await browser.press(page, 'abort', 'yes')).text).toContain('You did not allow it');
      expect(door.eventsNamed('deviceGrantRefused')).toEqual([
        { peer: '127.0.0.1', client: 'postern-cli', requestedFrom: '127.0.0.1' },
      ]);
    } else {
      const sent = await confirm(browser, await enterCode(browser, door.issuer, device.user_code));
      const callback = new URL(sent.url.searchParams.get('redirect_uri') ?? '');
      callback.searchParams.set('state', sent.url.searchParams.get('state') ?? '');
      callback.searchParams.set('error', 'access_denied');
      door.identityProvider.person = undefined;
      expect((await browser.go(callback)).text).toContain('You did not allow it');
    }
    expect(await errorOf(poll(door, device))).toBe('access_denied');
    expect(await errorOf(poll(door, device))).toBe('invalid_grant');
    const again = await enterCode(browser, door.issuer, device.user_code);
    expect(again).toMatchObject({ status: 400, text: expect.stringContaining('entered already') });
    expect(door.eventsNamed('tokenIssued')).toEqual([]);
  },
);

test('a code works once: not after it was answered, and not in two windows', async () => {
  const device = await askForCode(door);
  const browser = door.newBrowser();
  const consent = await goToDeviceConsent(browser, door.issuer, device);
  const other = await enterCode(door.newBrowser(), door.issuer, device.user_code);
  expect(other).toMatchObject({
    status: 400,
    text: expect.stringContaining('This code was entered already'),
  });
  await browser.press(consent, 'answer', 'allow');
  expect((await enterCode(door.newBrowser(), door.issuer, device.user_code)).status).toBe(400);
  expect((await poll(door, device)).status).toBe(200);
});

test('a device code used again ends the grant: one of the two may be a thief (RFC 9700 §4.14.2)', async () => {
  const device = await askForCode(door);
  await approve(door.newBrowser(), door.issuer, device);
  const { json } = await poll(door, device);
  expect(await errorOf(poll(door, device))).toBe('invalid_grant');
  expect(await refresh(json['refresh_token'])).toMatchObject({ json: { error: 'invalid_grant' } });
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({ code: 'token-revoked' });
});

test('of two questions at once only one gets tokens', async () => {
  const device = await askForCode(door);
  await approve(door.newBrowser(), door.issuer, device);
  const answers = await Promise.all([poll(door, device), poll(door, device)]);
  expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
});

test('the device code of another client is worth nothing, and is not used up by it', async () => {
  const device = await askForCode(door);
  await approve(door.newBrowser(), door.issuer, device);
  expect(await errorOf(poll(door, device, { client_id: 'printer' }))).toBe('invalid_grant');
  expect((await poll(door, device)).status).toBe(200);
});

test('a client that was not given the grant does not get it, with whatever secret', async () => {
  for (const client of [{ client_id: MAIL_PROGRAM.clientId }, { client_id: 'nobody' }]) {
    const { status, json } = await door.call('/device/auth', { scope: MAIL, ...client });
    expect([status, json['error']]).toEqual(
      client.client_id === 'nobody' ? [401, 'invalid_client'] : [400, 'invalid_request'],
    );
  }
  const device = await askForCode(door);
  await approve(door.newBrowser(), door.issuer, device);
  expect((await poll(door, device, { client_id: MAIL_PROGRAM.clientId })).status).toBe(400);
});

test('a program without redirect addresses has the grant alone', async () => {
  const device = await askForCode(door, { client_id: 'printer' });
  await approve(door.newBrowser(), door.issuer, device);
  const { status, json } = await poll(door, device, { client_id: 'printer' });
  expect([status, typeof json['refresh_token']]).toEqual([200, 'string']);
});

test('a scope nobody knows is refused at once, and none at all means mail', async () => {
  const { json } = await door.call('/device/auth', { client_id: 'postern-cli', scope: 'calendar' });
  expect(json['error']).toBe('invalid_scope');
  const device = (await door.call('/device/auth', { client_id: 'postern-cli' })).json as {
    user_code: string;
  };
  const page = await enterCode(door.newBrowser(), door.issuer, device.user_code);
  expect(page.text).toContain('Send mail as you');
});

test('consent is asked for each device, whatever was allowed before (RFC 8628 §5.4)', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  for (let count = 0; count < 2; count += 1) {
    const device = await askForCode(door);
    const page = await confirm(browser, await enterCode(browser, door.issuer, device.user_code));
    expect(page.text).toContain(`the device that shows the code <code>${device.user_code}</code>`);
    expect((await browser.press(page, 'answer', 'allow')).text).toContain('The device is connected');
  }
});

test('what was allowed to a device is no consent for a program on this computer', async () => {
  const browser = door.newBrowser();
  await approve(browser, door.issuer, await askForCode(door));
  const asked = await browser.go(
    `${door.issuer}/auth?${new URLSearchParams({
      response_type: 'code',
      client_id: 'postern-cli',
      redirect_uri: 'http://127.0.0.1:51234/callback',
      scope: MAIL,
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    })}`,
  );
  expect(asked.text).toContain('value="allow"');
  expect(door.artifacts.count('Consent')).toBe(0);
});

test('who comes too late is told so, and nothing was allowed', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  const device = await askForCode(door);
  const entered = await askForCode(door);
  const browser = door.newBrowser();
  const consent = await goToDeviceConsent(browser, door.issuer, entered);
  vi.setSystemTime(Date.now() + 901_000);
  await door.artifacts.removeExpired(Math.floor(Date.now() / 1000));
  expect(await errorOf(poll(door, device))).toBe('expired_token');
  const late = await enterCode(door.newBrowser(), door.issuer, device.user_code);
  expect(late).toMatchObject({ status: 400, text: expect.stringContaining('This code has expired') });
  expect((await browser.press(consent, 'answer', 'allow')).text).toContain('This code has expired');
  expect(door.eventsNamed('consentGiven')).toEqual([]);
  expect(await errorOf(poll(door, entered))).toBe('expired_token');
  vi.setSystemTime(Date.now() + 901_000);
  await door.artifacts.removeExpired(Math.floor(Date.now() / 1000));
  expect(await errorOf(poll(door, device))).toBe('invalid_grant');
  expect(door.artifacts.count('DeviceCode')).toBe(0);
});

test('who asks too often is told to slow down, and still gets the tokens', async () => {
  await openWithClock();
  const device = await askForCode(door);
  const after = (milliseconds: number) => {
    vi.setSystemTime(Date.now() + milliseconds);
    return errorOf(poll(door, device));
  };
  expect(await after(0)).toBe('authorization_pending');
  expect(await after(1000)).toBe('slow_down');
  expect(await after(5000)).toBe('slow_down');
  expect(await after(15_000)).toBe('authorization_pending');
  await approve(door.newBrowser(), door.issuer, device);
  expect((await poll(door, device)).status).toBe(200);
});

test('a restart in between is not noticed', async () => {
  const kept = newKept();
  const before = await openTestDoor({}, { kept });
  const device = await askForCode(before);
  await before.close();
  const after = await openTestDoor({}, { kept });
  await approve(after.newBrowser(), after.issuer, device);
  await after.close();
  const last = await openTestDoor({}, { kept });
  expect((await poll(last, device)).status).toBe(200);
  await last.close();
});

test('a copy of the database holds nothing that a program could use', async () => {
  const device = await askForCode(door);
  await goToDeviceConsent(door.newBrowser(), door.issuer, device);
  const dump = door.artifacts.dump();
  expect(dump).not.toContain(device.device_code);
  const references = [...new Set(dump.match(/row:[\w-]{43}/g))];
  expect(references).toHaveLength(1);
  for (const device_code of references) {
    const { json } = await poll(door, { device_code });
    expect(json).toMatchObject({ error: 'invalid_grant' });
  }
});

test('ending a person’s access reaches a code that was allowed and not fetched yet', async () => {
  const device = await askForCode(door);
  await approve(door.newBrowser(), door.issuer, device);
  const [account] = door.accounts.all();
  await door.server.access.endPerson({ accountId: account?.id ?? '' }, { cause: 'left' });
  expect(door.artifacts.count('DeviceCode')).toBe(0);
  expect(await errorOf(poll(door, device))).toBe('invalid_grant');
});

test('a code of the authorization endpoint is no device code, nor the other way round', async () => {
  const device = await askForCode(door);
  await approve(door.newBrowser(), door.issuer, device);
  const answer = new URL(`http://127.0.0.1:51234/callback?code=${device.device_code}`);
  const proof = { verifier: 'x'.repeat(43), challenge: '' };
  expect((await exchangeCode(door, answer, proof)).json['error']).toBe('invalid_grant');
  expect((await poll(door, device)).status).toBe(200);
});

test('switched off, nothing of it is there', async () => {
  const off = await openTestDoor({ deviceGrant: { enabled: false, codeLifetime: 900_000, interval: 5000 } });
  const browser = off.newBrowser();
  const metadata = await browser.go(`${off.issuer}/.well-known/openid-configuration`);
  expect(metadata.text).not.toContain('device');
  expect((await browser.go(`${off.issuer}/device`)).status).toBe(404);
  expect((await off.call('/device/auth', { client_id: 'postern-cli' })).status).toBe(404);
  const { status } = await poll(off, { device_code: 'x' });
  expect(status).toBe(400);
  await off.close();
});

test('one network may ask for 300 codes at once, and no more rows are made', async () => {
  await openWithClock();
  for (let count = 0; count < 300; count += 1) await askForCode(door);
  const refused = await door.call('/device/auth', { client_id: 'postern-cli', scope: MAIL });
  expect(refused).toMatchObject({ status: 429, json: { error: 'temporarily_unavailable' } });
  expect(refused.headers.get('retry-after')).toBe('60');
  expect(door.artifacts.count('DeviceCode')).toBe(300);
});

test('somebody who is switched off gets a page that says so, and the device nothing', async () => {
  const browser = door.newBrowser();
  const device = await askForCode(door);
  const sent = await confirm(browser, await enterCode(browser, door.issuer, device.user_code));
  const consent = await comeBack(browser, sent);
  const [account] = door.accounts.all();
  door.accounts.disable(account?.id ?? '');
  expect((await browser.press(consent, 'answer', 'allow')).text).toContain('switched off');
  expect(await errorOf(poll(door, device))).toBe('authorization_pending');
});
