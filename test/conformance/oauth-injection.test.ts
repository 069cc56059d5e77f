// RFC 9700 §4.16 (clickjacking), RFC 6749 §10.13 to §10.15: what a request holds must not act in our pages, nor lead away.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { CALLBACK_PATH } from '../../src/authorization/interaction/sign-in.ts';
import type { Answer } from '../support/authorization-browser.ts';
import { ALICE } from '../support/authorization-identity-provider.ts';
import {
  authorizationUrl,
  goToConsent,
  MAIL_PROGRAM,
  newProof,
  obtainTokens,
  openTestDoor,
  type TestDoor,
} from '../support/authorization-server.ts';

const ATTACK = `"'><script>alert(1)</script><img src=x onerror=alert(2)>{{98765*4321}}\${98765*4321}`;

let door: TestDoor;
beforeEach(async () => {
  door = await openTestDoor();
});
afterEach(() => door.close());

function expectHarmless(page: Answer): void {
  expect(page.text).not.toContain('<script');
  expect(page.text).not.toContain('<img');
  expect(page.text).not.toMatch(/<[^>]+\son\w+=/);
  expect(page.text).not.toContain(String(98765 * 4321));
}

test.each([
  'client_id',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'prompt',
  'max_age',
  'login_hint',
  'id_token_hint',
  'ui_locales',
  'display',
  'acr_values',
  'resource',
  'claims',
  'request',
  'request_uri',
  'registration',
  'web_message_uri',
  'postern_scope',
  'error',
])('%s is not echoed as markup, at whichever step', async (name) => {
  for (const others of [{}, { redirect_uri: 'https://evil.example/' }, { client_id: 'nobody' }]) {
    const browser = door.newBrowser();
    const url = authorizationUrl(door, newProof(), { ...others, [name]: ATTACK });
    const first = await browser.go(url);
    expectHarmless(first);
    if (first.url.origin === 'https://login.example.org') expectHarmless(await goToConsent(browser, url));
  }
});

test.each(['state', 'code', 'error', 'error_description', 'error_uri', 'iss', 'x'])(
  '%s of the identity provider’s answer is not echoed',
  async (name) => {
    const url = new URL(CALLBACK_PATH, door.issuer);
    url.searchParams.set(name, ATTACK);
    const page = await door.newBrowser().go(url);
    expect(page.status).toBe(400);
    expectHarmless(page);
    expect(page.text).not.toContain('alert');
  },
);

test.each([
  `/${ATTACK}`,
  `/interaction/${ATTACK}`,
  `/auth/${ATTACK}`,
  `/session/end/success?client_id=${ATTACK}`,
])('the path %s is not echoed', async (path) => {
  const url = new URL(door.issuer);
  const [pathname = '', search = ''] = path.split('?');
  url.pathname = pathname;
  url.search = search;
  expectHarmless(await door.newBrowser().go(url));
});

test('names from configuration and claims are shown as text', async () => {
  await door.close();
  door = await openTestDoor({ clients: [{ ...MAIL_PROGRAM, name: ATTACK }] });
  door.identityProvider.person = { ...ALICE, name: ATTACK, email: `o'brien&co@example.org` };
  const browser = door.newBrowser();
  const url = authorizationUrl(door, newProof(), {
    client_id: 'mail-program',
    redirect_uri: 'http://127.0.0.1:1',
  });
  const page = await goToConsent(browser, url);
  expect(page.text).not.toMatch(/<script|<img|<b>/);
  expect(page.text).toContain('&lt;script&gt;');
  expect(page.text).toContain('o&#39;brien&amp;co@example.org');
  expect((await browser.go(door.issuer)).text).not.toMatch(/<script|<img|<b>/);
});

test('no page can be framed, runs a script, or loads from elsewhere', async () => {
  const browser = door.newBrowser();
  const consent = await goToConsent(browser, authorizationUrl(door, newProof()));
  await browser.press(consent, 'answer', 'allow');
  const pages = [
    consent,
    await browser.go(door.issuer),
    await browser.go(`${door.issuer}/session/end`),
    await browser.go(`${door.issuer}/nowhere`),
    await browser.go(authorizationUrl(door, newProof(), { redirect_uri: 'https://evil.example/' })),
    await browser.go(new URL(CALLBACK_PATH, door.issuer)),
  ];
  for (const { headers, text, url } of pages) {
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy, url.href).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("base-uri 'none'");
    expect(policy).toContain("form-action 'self'");
    expect(policy).not.toMatch(/script-src|unsafe-inline|unsafe-eval|\*/);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(text).not.toMatch(/<script|<style|\sstyle=|\son\w+=|javascript:/i);
  }
});

// A browser applies form-action to the redirects after the POST, too: this one must lead to the program, and nowhere else.
test.each([
  ['postern-cli', 'http://127.0.0.1:51234/callback', "form-action 'self' http://127.0.0.1:51234;"],
  ['postern-cli', 'http://[::1]:51234/callback', "form-action 'self' http:;"],
  ['mail-program', 'org.example.mail:/callback', "form-action 'self' org.example.mail:;"],
  ['web-app', 'https://webmail.example.org/callback', "form-action 'self' https://webmail.example.org;"],
])('the consent form of %s may lead to %s', async (clientId, redirectUri, directive) => {
  const url = authorizationUrl(door, newProof(), { client_id: clientId, redirect_uri: redirectUri });
  const page = await goToConsent(door.newBrowser(), url);
  expect(page.headers.get('content-security-policy')).toContain(directive);
});

// These are pages that post themselves by a script, or messages to whoever opened the window.
test.each(['form_post', 'fragment', 'web_message', 'jwt', 'query.jwt'])(
  'response_mode=%s is refused, without a page that needs a script',
  async (mode) => {
    const page = await door.newBrowser().go(authorizationUrl(door, newProof(), { response_mode: mode }));
    expect(page.text).not.toContain('<script');
    expect(page.url.searchParams.has('code')).toBe(false);
    expect(page.status).toBe(400);
    expect(page.text).toContain('What to do next');
  },
);

test.each([{}, { client_id: 'postern-cli' }, { client_id: 'web-app' }])(
  'signing out with %o leads to no address that the request names',
  async (client) => {
    const browser = door.newBrowser();
    await obtainTokens(door, browser);
    const url = new URL('/session/end', door.issuer);
    const parameters = { ...client, post_logout_redirect_uri: 'https://evil.example/', state: ATTACK };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    const page = await browser.go(url);
    expectHarmless(page);
    expect(page.text).not.toContain('evil.example');
    if (page.status === 200) {
      const done = await browser.press(page, 'logout', 'yes');
      expect(done.url.origin).toBe(door.issuer);
      expect(done.text).not.toContain('evil.example');
    }
  },
);

test('an identity token of somebody else’s making signs nobody out', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const hint = `${part({ alg: 'none' })}.${part({ iss: door.issuer, aud: 'postern-cli', sub: 'x' })}.`;
  const page = await browser.go(`${door.issuer}/session/end?id_token_hint=${hint}`);
  expect(page.status).toBe(400);
  expect((await browser.go(door.issuer)).text).toContain('alice@example.org');
});
