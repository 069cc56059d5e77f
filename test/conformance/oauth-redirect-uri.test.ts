// RFC 9700 §2.1 and §4.1 (exact matching, no open redirect), RFC 8252 §7.3 (loopback ports), §8.3, §8.4.

import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  authorizationUrl,
  goToConsent,
  newProof,
  openTestDoor,
  type TestDoor,
} from '../support/authorization-server.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await openTestDoor();
});
afterAll(() => door.close());

const ask = (redirectUri: string | undefined, clientId = 'postern-cli', changes = {}) =>
  door
    .newBrowser()
    .go(authorizationUrl(door, newProof(), { redirect_uri: redirectUri, client_id: clientId, ...changes }));

test.each([
  'https://evil.example/callback',
  'http://evil.example/callback',
  'http://127.0.0.1.evil.example/callback',
  'http://127.0.0.1@evil.example/callback',
  'http://127.0.0.1:51234@evil.example/callback',
  'http://evil.example@127.0.0.1/callback',
  'http://user:password@127.0.0.1:51234/callback',
  'http://127.0.0.1:51234\\@evil.example/callback',
  'http://127.0.0.1:51234/callback/../evil',
  'http://127.0.0.1:51234/callback/',
  'http://127.0.0.1:51234/callback?next=https://evil.example',
  'http://127.0.0.1:51234/callback#fragment',
  'http://127.0.0.1:51234/callback%2f..%2fevil',
  'http://127.0.0.1:51234/CALLBACK',
  'http://127.0.0.1:51234',
  'https://127.0.0.1:51234/callback',
  'http://127.0.0.2:51234/callback',
  'http://127.1:51234/callback',
  'http://2130706433:51234/callback',
  'http://0x7f.0.0.1:51234/callback',
  'http://localhost.:51234/callback',
  'http://LOCALHOST:51234/callback',
  'http://[::ffff:127.0.0.1]:51234/callback',
  'http://0.0.0.0:51234/callback',
  '//127.0.0.1/callback',
  '/callback',
  'javascript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'org.example.mail:/callback',
  ' http://127.0.0.1:51234/callback',
  'http://127.0.0.1:51234/callback\r\nX-Injected: 1',
  '',
])('%s leads nowhere', async (redirectUri) => {
  const page = await ask(redirectUri);
  expect(page.status).toBe(400);
  expect(page.headers.get('location')).toBeNull();
  expect(page.text).toContain('What to do next');
  expect(page.text).not.toContain('evil.example');
  expect(page.text).not.toContain('alert(1)');
});

test.each([
  'http://127.0.0.1:51234/callback',
  'http://127.0.0.1:1/callback',
  'http://127.0.0.1/callback',
  'http://[::1]:51234/callback',
  'http://localhost:51234/callback',
])('%s is the registered loopback address on another port', async (redirectUri) => {
  const browser = door.newBrowser();
  const page = await goToConsent(browser, authorizationUrl(door, newProof(), { redirect_uri: redirectUri }));
  const { url } = page.text.includes('value="allow"') ? await browser.press(page, 'answer', 'allow') : page;
  expect(url.href.startsWith(redirectUri.replace(/^http:\/\/127\.0\.0\.1\//, 'http://127.0.0.1/'))).toBe(
    true,
  );
  expect(url.searchParams.has('code')).toBe(true);
});

test.each([
  ['mail-program', 'http://127.0.0.1:49152'],
  ['mail-program', 'http://127.0.0.1:49152/'],
  ['mail-program', 'http://localhost:49152'],
  ['mail-program', 'org.example.mail:/callback'],
  ['web-app', 'https://webmail.example.org/callback'],
])('%s may use %s', async (clientId, redirectUri) => {
  expect((await ask(redirectUri, clientId)).status).toBe(303);
});

test.each([
  ['mail-program', 'http://127.0.0.1:49152/other'],
  ['mail-program', 'org.example.mail:/callback2'],
  ['mail-program', 'org.example.mail://callback'],
  ['mail-program', 'ORG.EXAMPLE.MAIL:/callback'],
  ['web-app', 'https://webmail.example.org:8443/callback'],
  ['web-app', 'https://webmail.example.org/callback?x'],
  ['web-app', 'http://webmail.example.org/callback'],
  ['web-app', 'https://WEBMAIL.example.org/callback'],
])('%s may not use %s', async (clientId, redirectUri) => {
  const page = await ask(redirectUri, clientId);
  expect(page.status).toBe(400);
  expect(page.headers.get('location')).toBeNull();
});

test('it must be given, and once, also by a client that has only one', async () => {
  for (const client of ['postern-cli', 'web-app']) {
    const page = await ask(undefined, client);
    expect(page).toMatchObject({ status: 400 });
    expect(page.headers.get('location')).toBeNull();
  }
  const twice = authorizationUrl(door, newProof());
  twice.searchParams.append('redirect_uri', 'https://evil.example/');
  const page = await door.newBrowser().go(twice);
  expect(page).toMatchObject({ status: 400 });
  expect(page.headers.get('location')).toBeNull();
});

test.each(['nobody', '', 'postern-cli%00', 'https://evil.example/client.json'])(
  'the unknown client %s gets a page, not a redirect',
  async (clientId) => {
    const page = await ask('https://evil.example/callback', clientId);
    expect(page.status).toBe(400);
    expect(page.headers.get('location')).toBeNull();
    expect(page.text).not.toContain('evil.example');
  },
);

// RFC 9700 §4.11.2: errors go to registered addresses only.
test.each([
  ['response_type', 'token', 'unsupported_response_type'],
  ['response_type', 'id_token', 'unsupported_response_type'],
  ['request', 'eyJ.e30.', 'request_not_supported'],
  ['request_uri', 'https://evil.example/request', 'request_uri_not_supported'],
  ['registration', '{}', 'registration_not_supported'],
  ['prompt', 'everything', 'invalid_request'],
])('%s=%s is an error at the registered address, with the issuer', async (name, value, error) => {
  const { url } = await ask('http://127.0.0.1:51234/callback', 'postern-cli', { [name]: value });
  expect(url.origin).toBe('http://127.0.0.1:51234');
  expect(url.searchParams.get('error') ?? new URLSearchParams(url.hash.slice(1)).get('error')).toBe(error);
});
