// The whole way over plain HTTP, with the demo's identity provider and real sockets; test/journey has the same in Chromium.

import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Answer,
  type Browser,
  createBrowser,
  type Transport,
} from '../../support/authorization-browser.ts';
import { authorizationUrl, claimsOf, MAIL, newProof } from '../../support/authorization-server.ts';
import { openSite, type Program, type Site, startProgram } from '../../support/authorization-site.ts';

let site: Site;
let program: Program;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site.close());

const overTheWire: Transport = async ({ method, url, headers, body }) => {
  const answer = await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

const newBrowser = () =>
  createBrowser({ transport: overTheWire, origins: [site.issuer, site.identityProvider] });

/** Fills in the identity provider's form, which stands at the address it was shown at. */
function logIn(browser: Browser, page: Answer, login: string): Promise<Answer> {
  return browser.submit(page.url, { login, password: 'demo' });
}

const json = async (path: string, form: Record<string, string>) => {
  const answer = await fetch(new URL(path, site.issuer), { method: 'POST', body: new URLSearchParams(form) });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
};

test('sign in as alice, allow, and the program gets its tokens; a second time nothing is asked', async () => {
  program = await startProgram();
  const browser = newBrowser();
  const proof = newProof();
  const redirect = { redirect_uri: program.redirectUri, scope: `openid email ${MAIL} offline_access` };

  const form = await browser.go(authorizationUrl(site, proof, { ...redirect, login_hint: 'alice' }));
  expect(form.url.origin).toBe(site.identityProvider);
  expect(form.text).toContain('name="password"');
  const consent = await logIn(browser, form, 'alice');
  expect(consent.url.origin).toBe(site.issuer);
  expect(consent.text).toContain('alice@example.org');

  const answer = await browser.press(consent, 'answer', 'allow');
  expect(answer.url.href.startsWith(program.redirectUri)).toBe(true);
  const exchanged = await json('/token', {
    grant_type: 'authorization_code',
    code: answer.url.searchParams.get('code') ?? '',
    redirect_uri: program.redirectUri,
    code_verifier: proof.verifier,
    client_id: 'postern-cli',
  });
  expect(exchanged.status).toBe(200);
  expect(claimsOf(String(exchanged.json['id_token']))['email']).toBe('alice@example.org');
  expect(await site.door.verifier.verify(String(exchanged.json['access_token']))).toMatchObject({
    addresses: ['alice@example.org'],
  });

  const renewed = await json('/token', {
    grant_type: 'refresh_token',
    refresh_token: String(exchanged.json['refresh_token']),
    client_id: 'postern-cli',
  });
  expect(renewed.status).toBe(200);

  const again = await browser.go(authorizationUrl(site, newProof(), redirect));
  expect(again.url.searchParams.has('code')).toBe(true);
  await program.close();
});

test('Deny ends with access_denied at the program', async () => {
  const browser = newBrowser();
  const form = await browser.go(authorizationUrl(site, newProof()));
  const consent = await logIn(browser, form, 'bob');
  expect(consent.text).toContain('bob@example.org');
  const { url } = await browser.press(consent, 'answer', 'deny');
  expect(url.searchParams.get('error')).toBe('access_denied');
});

test('signing out ends the session here; the next request goes to the identity provider again', async () => {
  const browser = newBrowser();
  await logIn(browser, await browser.go(authorizationUrl(site, newProof())), 'alice');
  const page = await browser.go(`${site.issuer}/session/end`);
  const done = await browser.press(page, 'logout', 'yes');
  expect(done.text).toContain('You are signed out');
  // The way to the same over there.
  expect(done.text).toMatch(new RegExp(`href="${site.identityProvider}/[^"]+"`));
  expect((await browser.go(site.issuer)).text).toContain('Nobody is signed in');
});
