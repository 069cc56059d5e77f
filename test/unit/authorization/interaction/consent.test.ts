import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Secret } from '../../../../src/setting.ts';
import { ALICE } from '../../../support/authorization-identity-provider.ts';
import {
  authorizationUrl,
  comeBack,
  goToConsent,
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

const request = (changes = {}) => authorizationUrl(door, newProof(), changes);
const words = (html: string) =>
  (/<main>(.*)<\/main>/s.exec(html)?.[1] ?? '').replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

test('the page says who asks, for what, and where the answer goes', async () => {
  const page = await goToConsent(door.newBrowser(), request());
  const text = words(page.text);
  expect(text).toContain('Allow Postern command line to send mail as you?');
  expect(text).toContain('Send mail as alice@example.org');
  expect(text).toContain('Keep this permission for up to 365 days without asking you again');
  expect(text).toContain('( postern-cli )');
  expect(text).toContain('a program on this computer ( 127.0.0.1:51234 )');
  expect(page.text).toMatch(/<button type="submit" name="answer" value="allow"[^>]*>Allow</);
  expect(page.text).toMatch(/<button type="submit" name="answer" value="deny"[^>]*>Deny</);
});

test.each([
  ['mail-program', 'org.example.mail:/callback', 'the app on this device that opens org.example.mail: links'],
  ['web-app', 'https://webmail.example.org/callback', 'the web site webmail.example.org'],
])('for %s it names the other kind of place', async (client, redirect, expected) => {
  const page = await goToConsent(door.newBrowser(), request({ client_id: client, redirect_uri: redirect }));
  expect(words(page.text).replace(/\s+/g, ' ')).toContain(expected);
});

test('every address is named', async () => {
  await door.close();
  door = await openTestDoor({
    identityProvider: {
      issuer: 'https://login.example.org',
      clientId: 'postern',
      scopes: ['openid'],
      identity: { addresses: ['email', 'aliases'], requireVerified: true },
      timeout: 5000,
      allowInsecureHttp: false,
    },
  });
  door.identityProvider.person = { ...ALICE, aliases: ['sales@example.org', 'info@example.org'] };
  const page = await goToConsent(door.newBrowser(), request());
  const text = words(page.text).replaceAll(' ,', ',');
  expect(text).toContain(
    'Send mail as alice@example.org , sales@example.org or info@example.org'.replace(' ,', ','),
  );
});

test('who only asks who you are is not said to send', async () => {
  const page = await goToConsent(door.newBrowser(), request({ scope: 'openid email' }));
  const text = words(page.text);
  expect(text).toContain('to know who you are?');
  expect(text).toContain('Know who you are, and your address');
  expect(text).not.toContain('Send mail');
  expect(text).not.toContain('365 days');
});

test('Deny is an answer: access_denied goes to the program, and nothing else does', async () => {
  const browser = door.newBrowser();
  const page = await goToConsent(browser, request());
  const { url } = await browser.press(page, 'answer', 'deny');
  expect(Object.fromEntries(url.searchParams)).toEqual({
    error: 'access_denied',
    error_description: 'the person did not allow it',
    state: 'state-of-the-client',
    iss: 'https://mail.example.org',
  });
  expect(door.eventsNamed('consentDenied')).toEqual([
    { peer: '127.0.0.1', client: 'postern-cli', user: 'alice@example.org', scope: `offline_access ${MAIL}` },
  ]);
  expect(door.eventsNamed('clientRefused')).toEqual([]);
  expect((await browser.go(request())).text).toContain('value="allow"');
});

test('a form without an answer does nothing', async () => {
  const browser = door.newBrowser();
  const page = await goToConsent(browser, request());
  for (const value of ['', 'maybe']) {
    expect((await browser.press(page, 'answer', value)).status).toBe(400);
  }
  expect((await browser.press(page, 'answer', 'allow')).url.searchParams.has('code')).toBe(true);
});

test('what was allowed is not asked again: same browser, another port', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  const next = await browser.go(request({ redirect_uri: 'http://127.0.0.1:60001/callback' }));
  expect(next.url.origin).toBe('http://127.0.0.1:60001');
  expect(next.url.searchParams.has('code')).toBe(true);
  expect(door.eventsNamed('consentGiven')).toHaveLength(1);
});

test('nor after signing in again, from another browser', async () => {
  await obtainTokens(door);
  const answer = await goToConsent(door.newBrowser(), request());
  expect(answer.url.searchParams.has('code')).toBe(true);
});

test('less than was allowed is not asked again', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  expect((await browser.go(request({ scope: MAIL }))).url.searchParams.has('code')).toBe(true);
});

test.each([
  ['a further scope', { scope: `${MAIL} offline_access email openid` }],
  ['another program', { client_id: 'mail-program', redirect_uri: 'http://127.0.0.1:4000' }],
  ['a program that insists', { prompt: 'consent' }],
])('%s is asked for', async (_name, changes) => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  const page = await browser.go(request(changes));
  expect(page.status).toBe(200);
  expect(page.text).toContain('value="allow"');
  expect((await browser.press(page, 'answer', 'allow')).url.searchParams.has('code')).toBe(true);
});

test('consent for a program on this computer is none for an app that claims its name', async () => {
  const browser = door.newBrowser();
  const program = { client_id: 'mail-program' };
  await signInAndAllow(browser, request({ ...program, redirect_uri: 'http://127.0.0.1:4000/' }));
  const page = await browser.go(request({ ...program, redirect_uri: 'org.example.mail:/callback' }));
  expect(page.text).toContain('value="allow"');
});

test('a new address of the person is asked for', async () => {
  await obtainTokens(door);
  door.identityProvider.person = { ...ALICE, email: 'alice@sales.example.org' };
  const page = await goToConsent(door.newBrowser(), request());
  expect(page.text).toContain('value="allow"');
  expect(words(page.text)).toContain('Send mail as alice@sales.example.org');
});

test('it is asked again when the grant lifetime is over', async () => {
  await door.close();
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00Z') });
  door = await openTestDoor({ grantLifetime: 5 * 86_400_000 });
  await obtainTokens(door);
  vi.setSystemTime(Date.now() + 4 * 86_400_000);
  expect((await goToConsent(door.newBrowser(), request())).url.searchParams.has('code')).toBe(true);
  vi.setSystemTime(Date.now() + 86_400_000);
  expect((await goToConsent(door.newBrowser(), request())).text).toContain('value="allow"');
});

test('it is asked again after the program gave its tokens up', async () => {
  const browser = door.newBrowser();
  const { refresh_token: token } = await obtainTokens(door, browser);
  await door.call('/token/revocation', { token, client_id: 'postern-cli' });
  expect((await browser.go(request())).text).toContain('value="allow"');
});

test('it is not asked again after signing out of the browser', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser, { scope: MAIL });
  const page = await browser.go(`${door.issuer}/session/end`);
  await browser.press(page, 'logout', 'yes');
  const answer = await goToConsent(browser, request({ scope: MAIL }));
  expect(answer.url.searchParams.has('code')).toBe(true);
});

const webApp = { client_id: 'web-app', redirect_uri: 'https://webmail.example.org/callback' };
const apps = { client_id: 'mail-program', redirect_uri: 'org.example.mail:/callback' };

test('prompt=none answers at once, one way or the other', async () => {
  const browser = door.newBrowser();
  const error = async () => {
    return (await browser.go(request({ ...webApp, prompt: 'none' }))).url.searchParams.get('error');
  };
  expect(await error()).toBe('login_required');
  await goToConsent(browser, request(webApp));
  expect(await error()).toBe('consent_required');
  await signInAndAllow(browser, request(webApp));
  expect(await error()).toBeNull();
});

// RFC 8252 §8.6: nobody can tell whether it is the program that was allowed.
describe.each([
  ['on a port of this computer', {}],
  ['behind a scheme', apps],
])('of a program without a secret %s what is remembered is no word', (_where, client) => {
  test('for prompt=none, unseen', async () => {
    const browser = door.newBrowser();
    await signInAndAllow(browser, request(client));
    const answer = await browser.go(request({ ...client, prompt: 'none' }));
    expect(answer.url.searchParams.get('error')).toBe('consent_required');
  });

  test.each(['cross-site', 'same-site'])('for a page of another site (%s)', async (site) => {
    const browser = door.newBrowser();
    await signInAndAllow(browser, request(client));
    const page = await browser.go(request(client), { 'sec-fetch-site': site });
    expect(page.text).toContain('value="allow"');
    expect((await browser.press(page, 'answer', 'allow')).url.searchParams.has('code')).toBe(true);
  });

  test('for such a page behind a sign-in, whatever it writes into the request', async () => {
    await signInAndAllow(door.newBrowser(), request(client));
    for (const changes of [{}, { postern_sender: '' }, { postern_sender: 'person' }]) {
      const browser = door.newBrowser();
      const url = request({ ...client, ...changes });
      const idp = await browser.go(url, { 'sec-fetch-site': 'cross-site' });
      expect((await comeBack(browser, idp)).text).toContain('value="allow"');
    }
  });

  test.each([[{}], [{ 'sec-fetch-site': 'none' }]])(
    'but is one where the person’s own program asks: %j',
    async (headers) => {
      const browser = door.newBrowser();
      await signInAndAllow(browser, request(client));
      const answer = await browser.go(request({ ...client, postern_sender: 'page' }), headers);
      expect(answer.url.searchParams.has('code')).toBe(true);
    },
  );
});

test.each([
  ['whose answer goes to its own web site', { client_id: 'page', redirect_uri: 'https://page.example.org/' }],
  ['that proves who it is', { client_id: 'desk', redirect_uri: 'http://127.0.0.1:4000/' }],
])('of a program %s, it is one wherever the browser comes from', async (_how, client) => {
  await door.close();
  const clientSecret = new Secret('desk-secret-0123456789');
  const desk = { clientId: 'desk', clientSecret, redirectUris: ['http://127.0.0.1/'], sendAs: [] };
  const page = { clientId: 'page', redirectUris: ['https://page.example.org/'], sendAs: [] };
  door = await openTestDoor({ clients: [page, desk] });
  const browser = door.newBrowser();
  await signInAndAllow(browser, request(client));
  const answer = await browser.go(request(client), { 'sec-fetch-site': 'cross-site' });
  expect(answer.url.searchParams.has('code')).toBe(true);
});

test('what is remembered leaves no grants behind that nobody uses', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  const before = door.artifacts.count('Grant');
  await browser.go(request({ prompt: 'consent' }));
  await browser.go(request({ prompt: 'login' }));
  expect(door.artifacts.count('Grant')).toBe(before);
});
