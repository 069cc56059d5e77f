// RFC 6749 §10.12, RFC 9700 §4.7: requests forged across sites, sign-ins planted on a victim.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { CALLBACK_PATH } from '../../src/authorization/interaction/sign-in.ts';
import type { Answer, Browser } from '../support/authorization-browser.ts';
import { formOf } from '../support/authorization-browser.ts';
import { BOB } from '../support/authorization-identity-provider.ts';
import {
  authorizationUrl,
  comeBack,
  goToConsent,
  newProof,
  obtainTokens,
  openTestDoor,
  type TestDoor,
} from '../support/authorization-server.ts';

let door: TestDoor;
let browser: Browser;
beforeEach(async () => {
  door = await openTestDoor();
  browser = door.newBrowser();
});
afterEach(() => door.close());

const request = () => authorizationUrl(door, newProof());

function callbackOf(sent: Answer): URL {
  const callback = new URL(CALLBACK_PATH, door.issuer);
  callback.searchParams.set('state', sent.url.searchParams.get('state') ?? '');
  callback.searchParams.set('code', 'code');
  return callback;
}

test('an attacker’s finished sign-in opened in the victim’s browser signs nobody in', async () => {
  const attacker = door.newBrowser();
  door.identityProvider.person = BOB;
  const callback = callbackOf(await attacker.go(request()));
  for (const victim of [browser, door.newBrowser()]) {
    if (victim === browser) await victim.go(request());
    const page = await victim.go(callback);
    expect(page.status).toBe(400);
    expect(door.accounts.all()).toEqual([]);
    expect((await victim.go(door.issuer)).text).toContain('Nobody is signed in');
  }
  expect(door.identityProvider.finished).toBe(0);
  // The attempt has not taken the sign-in away from its owner.
  expect((await attacker.go(callback)).text).toContain('bob@example.org');
});

test.each([
  ['no state', (url: URL) => url.searchParams.delete('state')],
  ['an empty state', (url: URL) => url.searchParams.set('state', '')],
  ['a made-up state', (url: URL) => url.searchParams.set('state', 'x'.repeat(22))],
  ['two states', (url: URL) => url.searchParams.append('state', 'x')],
])('an answer with %s is not looked at', async (_name, change) => {
  const callback = callbackOf(await browser.go(request()));
  change(callback);
  const page = await browser.go(callback);
  expect(page.status).toBe(400);
  expect(door.identityProvider.finished).toBe(0);
});

test('an answer counts once', async () => {
  const sent = await browser.go(request());
  expect((await comeBack(browser, sent)).text).toContain('value="allow"');
  expect((await comeBack(browser, sent)).status).toBe(400);
  expect(door.identityProvider.finished).toBe(1);
});

test('the same answer many times at once counts once', async () => {
  const sent = await browser.go(request());
  await Promise.allSettled(Array.from({ length: 6 }, () => browser.go(callbackOf(sent))));
  expect(door.identityProvider.finished).toBe(1);
});

test.each([
  { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  { origin: 'https://evil.example' },
  { origin: 'null', 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'none' },
  { origin: 'http://mail.example.org' },
])('consent posted with %o is refused, though the cookies are there', async (headers) => {
  const page = await goToConsent(browser, request());
  const { action } = formOf(page.text);
  const answer = await browser.submit(new URL(action, door.issuer), { answer: 'allow' }, headers);
  expect(answer.status).toBe(403);
  expect(answer.text).toContain('This answer did not come from our page');
  expect(door.eventsNamed('consentGiven')).toEqual([]);
  expect((await browser.press(page, 'answer', 'allow')).url.searchParams.has('code')).toBe(true);
});

test('consent posted from another browser is refused', async () => {
  const page = await goToConsent(browser, request());
  const { action } = formOf(page.text);
  const stranger = door.newBrowser();
  await obtainTokens(door, stranger);
  const given = door.eventsNamed('consentGiven').length;
  expect((await stranger.submit(new URL(action, door.issuer), { answer: 'allow' })).status).toBe(400);
  expect((await door.newBrowser().submit(new URL(action, door.issuer), { answer: 'allow' })).status).toBe(
    400,
  );
  expect(door.eventsNamed('consentGiven')).toHaveLength(given);
});

test('the cookie of one interaction does not answer another', async () => {
  const one = await goToConsent(browser, request());
  const other = await browser.go(request());
  const cookies = browser
    .cookies()
    .filter(({ path }) => path === one.url.pathname)
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');
  const answer = await door.transport({
    method: 'POST',
    url: other.url,
    headers: { cookie: cookies, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'answer=allow',
  });
  expect(answer.status).toBe(400);
  expect(door.eventsNamed('consentGiven')).toEqual([]);
});

test('a consent page left open does not count for who signs in next', async () => {
  const page = await goToConsent(browser, request());
  door.identityProvider.person = BOB;
  const url = request();
  url.searchParams.set('prompt', 'login');
  await goToConsent(browser, url);
  const answer = await browser.press(page, 'answer', 'allow');
  expect(answer.status).toBe(400);
  expect(door.eventsNamed('consentGiven')).toEqual([]);
});

test('allow is no answer to being asked to sign in', async () => {
  door.identityProvider.isDown = true;
  const page = await browser.go(request());
  expect((await browser.press(page, 'answer', 'allow')).status).toBe(400);
});

test('signing out needs the secret of the page that asks', async () => {
  await obtainTokens(door, browser);
  const confirm = new URL('/session/end/confirm', door.issuer);
  for (const fields of [{ logout: 'yes' }, { logout: 'yes', xsrf: 'x'.repeat(48) }] as Record<
    string,
    string
  >[]) {
    expect((await browser.submit(confirm, fields)).status).toBe(400);
  }
  await browser.go(`${door.issuer}/session/end`);
  expect((await browser.submit(confirm, { logout: 'yes', xsrf: '' })).status).toBe(400);
  expect((await browser.go(door.issuer)).text).toContain('alice@example.org');
});

test('a session planted before the sign-in is not the one after it', async () => {
  const before = await browser.go(request());
  const planted = browser.cookies().find(({ name }) => name === '__Host-postern_session')?.value;
  const page = await comeBack(browser, before);
  const first = browser.cookies().find(({ name }) => name === '__Host-postern_session')?.value;
  await browser.press(page, 'answer', 'allow');
  const after = browser.cookies().find(({ name }) => name === '__Host-postern_session')?.value;
  expect(planted).toBeUndefined();
  expect(after).not.toBe(first);
});
