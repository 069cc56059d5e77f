import { afterEach, beforeEach, expect, test } from 'vitest';
import { openCookieKeys } from '../../../src/authorization/kept-keys.ts';
import { createBrowser } from '../../support/authorization-browser.ts';
import {
  authorizationUrl,
  exchangeCode,
  goToConsent,
  MAIL,
  newKept,
  newProof,
  obtainTokens,
  openTestDoor,
  type TestDoor,
} from '../../support/authorization-server.ts';
import { memoryArtifacts } from '../../support/authorization-stores.ts';

let door: TestDoor;
beforeEach(async () => {
  door = await openTestDoor();
});
afterEach(() => door.close());

test('the start page shows who is signed in, and how to connect', async () => {
  const browser = door.newBrowser();
  const before = await browser.go(door.issuer);
  expect(before).toMatchObject({ status: 200, text: expect.stringContaining('Nobody is signed in') });
  expect(before.headers.getSetCookie()).toEqual([]);
  await obtainTokens(door, browser);
  const after = await browser.go(door.issuer);
  expect(after.text).toContain('alice@example.org');
  expect(after.text).toContain('<code>mail.example.org</code>');
  expect(after.text).toContain('href="/session/end"');
});

test('signing out asks first, then ends the session', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  const page = await browser.go(`${door.issuer}/session/end`);
  expect(page.text).toContain('Sign out?');
  expect((await browser.go(door.issuer)).text).toContain('alice@example.org');
  const done = await browser.press(page, 'logout', 'yes');
  expect(done).toMatchObject({ status: 200, text: expect.stringContaining('You are signed out') });
  expect((await browser.go(door.issuer)).text).toContain('Nobody is signed in');
  expect(door.artifacts.count('Session')).toBe(0);
  expect(door.eventsNamed('signedOut')).toMatchObject([{ user: 'alice@example.org', peer: '127.0.0.1' }]);
});

test('signing out leaves the programs that were allowed to go on', async () => {
  const browser = door.newBrowser();
  const tokens = await obtainTokens(door, browser);
  await browser.press(await browser.go(`${door.issuer}/session/end`), 'logout', 'yes');
  const refresh = {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
    client_id: 'postern-cli',
  };
  expect((await door.call('/token', refresh)).status).toBe(200);
});

test('a grant without offline_access ends with the session', async () => {
  const browser = door.newBrowser();
  const tokens = await obtainTokens(door, browser, { scope: MAIL });
  await browser.press(await browser.go(`${door.issuer}/session/end`), 'logout', 'yes');
  expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ code: 'token-revoked' });
  expect(door.eventsNamed('grantRevoked')).toMatchObject([{ cause: 'signed out' }]);
});

test('where nobody is signed in, signing out says so, without a form that needs a script', async () => {
  const page = await door.newBrowser().go(`${door.issuer}/session/end`);
  expect(page.text).toContain('You are signed out');
  expect(page.text).not.toContain('<script');
  expect(page.text).not.toContain('<form');
});

test('session and keys survive a restart', async () => {
  const kept = newKept();
  const before = await openTestDoor({}, { kept });
  const browser = createBrowser({
    origins: [door.issuer],
    transport: (request) => current.transport(request),
  });
  let current = before;
  const proof = newProof();
  const page = await goToConsent(browser, authorizationUrl(before, proof));
  await before.close();
  current = await openTestDoor({}, { kept });
  const answer = await browser.press(page, 'answer', 'allow');
  const { status, json } = await exchangeCode(current, answer.url, proof);
  expect(status).toBe(200);
  expect(await current.verifier.verify(String(json['access_token']))).toMatchObject({
    clientId: 'postern-cli',
  });
  expect((await browser.go(current.issuer)).text).toContain('alice@example.org');
  await current.close();
});

test('cookie keys are random and kept', async () => {
  const artifacts = memoryArtifacts();
  const keys = await openCookieKeys(artifacts);
  expect(keys).toEqual([expect.stringMatching(/^[\w-]{43}$/)]);
  expect(await openCookieKeys(artifacts)).toEqual(keys);
  expect(await openCookieKeys(memoryArtifacts())).not.toEqual(keys);
});

test('cookies are closed to scripts, other sites and plain http; prefixes keep other hosts out', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  const names = new Set<string>();
  for (const { name, path, text } of browser.cookies()) {
    names.add(name);
    expect(text, name).toMatch(/; httponly/i);
    expect(text, name).toMatch(/; samesite=lax/i);
    expect(text, name).toMatch(/; secure/i);
    expect(text, name).not.toMatch(/; domain=/i);
    if (name.startsWith('__Host-')) expect(path).toBe('/');
    else expect(path.startsWith('/interaction/') || path.startsWith('/auth/'), name).toBe(true);
  }
  expect([...names].sort()).toEqual([
    '__Host-postern_browser',
    '__Host-postern_browser.sig',
    '__Host-postern_session',
    '__Host-postern_session.sig',
    '__Secure-postern_interaction',
    '__Secure-postern_interaction.sig',
  ]);
});

test('without https they have no prefix, so that browsers take them', async () => {
  await door.close();
  door = await openTestDoor({ issuer: 'http://localhost:8080' });
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  for (const { name, text } of browser.cookies()) {
    expect(name).not.toMatch(/^__/);
    expect(text).not.toMatch(/; secure/i);
    expect(text).toMatch(/; httponly/i);
  }
});

test('a session cookie with a changed value or signature is nobody’s', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  const value = (name: string) => browser.cookies().find((cookie) => cookie.name === name)?.value ?? '';
  const [session, signature] = [value('__Host-postern_session'), value('__Host-postern_session.sig')];
  const shown = async (cookie: string) => {
    return (await door.transport({ method: 'GET', url: new URL(door.issuer), headers: { cookie } })).text;
  };
  const cookies = (id: string, sig: string) =>
    `__Host-postern_session=${id}; __Host-postern_session.sig=${sig}`;
  expect(await shown(cookies(session, signature))).toContain('alice@example.org');
  const changed = session.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  expect(await shown(cookies(changed, signature))).not.toContain('alice');
  expect(
    await shown(
      cookies(
        session,
        signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
      ),
    ),
  ).not.toContain('alice');
  expect(await shown(`__Host-postern_session=${session}`)).not.toContain('alice');
});
