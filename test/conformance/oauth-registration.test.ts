// RFC 7591 §5 (registration is open to whoever means harm), RFC 9700 §4.1, §4.16, RFC 8252 §8.6: floods, giants, places an
// answer must not go to, names that deceive, identifiers that nobody issued.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { createIdentifiers } from '../../src/authorization/open-clients/identifier.ts';
import {
  authorizationUrl,
  goToConsent,
  newProof,
  openTestDoor,
  type TestDoor,
} from '../support/authorization-server.ts';
import { CALLBACK, registerClient, tokensFor } from '../support/open-client.ts';

let door: TestDoor;
beforeEach(async () => {
  door = await openTestDoor();
});
afterEach(() => door.close());

async function register(body: string | object) {
  const answer = await door.transport({
    method: 'POST',
    url: new URL('/register', door.issuer),
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { ...answer, json: JSON.parse(answer.text) as Record<string, unknown> };
}

const ask = (clientId: string, changes: Record<string, string | undefined> = {}) =>
  door
    .newBrowser()
    .go(authorizationUrl(door, newProof(), { client_id: clientId, redirect_uri: CALLBACK, ...changes }));

test('a flood of registrations leaves nothing in the store, and ends at 429', async () => {
  const before = door.artifacts.dump();
  const answers = [];
  for (let count = 0; count < 300; count += 1) {
    answers.push((await register({ redirect_uris: [`http://127.0.0.1/${count}`] })).status);
  }
  expect(answers.filter((status) => status === 201).length).toBeLessThanOrEqual(101);
  expect(new Set(answers)).toEqual(new Set([201, 429]));
  expect(door.artifacts.dump()).toBe(before);
  // Who is turned away at the gate costs no line either.
  expect(door.events.length).toBeLessThanOrEqual(101);
  // Those who are signed in already notice nothing.
  expect((await ask('postern-cli')).status).toBe(303);
});

test.each([
  ['bytes', () => `{"client_name":"${'x'.repeat(1_000_000)}"}`, [413]],
  ['depth', () => `{"x":${'['.repeat(4000)}${']'.repeat(4000)}}`, [400]],
  ['members', () => `{${Array.from({ length: 700 }, (_, index) => `"a${index}":1`).join(',')}}`, [400]],
  ['redirects', () => JSON.stringify({ redirect_uris: Array(300).fill('http://127.0.0.1/') }), [400]],
  ['a redirect', () => JSON.stringify({ redirect_uris: [`http://127.0.0.1/${'x'.repeat(7000)}`] }), [400]],
  ['a prototype', () => '{"__proto__":{"redirect_uris":["http://127.0.0.1/"]}}', [400]],
  ['a constructor', () => '{"constructor":{"prototype":{"redirect_uris":["http://127.0.0.1/"]}}}', [400]],
])('a giant or crooked request (%s) is refused and leaves no trace', async (_what, make, expected) => {
  const { status, json } = await register(make());
  expect(expected).toContain(status);
  expect(json['error']).toMatch(/^invalid_(client_metadata|redirect_uri)$/);
  expect(({} as Record<string, unknown>)['redirect_uris']).toBeUndefined();
});

test.each([
  'javascript:alert(1)',
  'javascript://127.0.0.1/%0aalert(1)',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:msgbox(1)',
  'file:///etc/passwd',
  'about:blank',
  'blob:https://mail.example.org/x',
  'http://evil.example/',
  'http://127.0.0.1.evil.example/',
  'http://127.0.0.1@evil.example/',
  'http://localhost:80@evil.example/',
  'http://127.0.0.1\\@evil.example/',
  'http://169.254.169.254/',
  'https://evil.example/',
  'https://mail.example.org/sign-in/callback',
  'mailto:alice@example.org',
  'intent://x#Intent;scheme=http;end',
  'ms-appx-web://x',
  'http://127.0.0.1/\r\nSet-Cookie: x=y',
  '//evil.example/',
])('an answer cannot be led to %s', async (uri) => {
  for (const redirects of [[uri], ['http://127.0.0.1/', uri]]) {
    const { status, json } = await register({ redirect_uris: redirects });
    expect(status).toBe(400);
    expect(json['error']).toBe('invalid_redirect_uri');
    // The text goes into journals and consoles.
    expect(JSON.stringify(json)).not.toContain('evil.example');
  }
});

test.each([
  ['a line end', 'Example Mail\r\nX-Injected: 1'],
  ['an escape sequence', '\u001b[2JExample Mail'],
  ['an override of direction', 'Example \u202eliaM'],
  ['an isolate', '\u2066Example Mail\u2069'],
  ['what cannot be seen', 'Exam\u200dple Mail'],
  ['a filler letter', 'Example\u3164Mail'],
  ['Cyrillic among Latin', 'Ехample Mail'],
  ['the name of this server', 'Pоstern'],
  ['the name of this server, plainly', 'Postern command line'],
  ['markup', '<script>alert(1)</script>'],
])('a name with %s is refused', async (_what, name) => {
  const { status, json } = await register({ redirect_uris: ['http://127.0.0.1/'], client_name: name });
  expect(status).toBe(400);
  expect(json['error']).toBe('invalid_client_metadata');
});

test('the name of a client that the operator knows is worth nothing without the operator’s word', async () => {
  const clientId = await registerClient(door, { client_name: 'Mail Program' });
  const url = authorizationUrl(door, newProof(), { client_id: clientId, redirect_uri: CALLBACK });
  const page = await goToConsent(door.newBrowser(), url);
  expect(page.text).toContain('a program that calls itself “<bdi>Mail Program</bdi>”');
  expect(page.text).toContain('not verified');
  expect(page.text).not.toContain('<h1>Allow <bdi>Mail Program</bdi>');
});

test('nor does its consent count: it is another program', async () => {
  const browser = door.newBrowser();
  await tokensFor(door, 'postern-cli', { browser });
  const clientId = await registerClient(door, { client_name: 'Command line' });
  const url = authorizationUrl(door, newProof(), { client_id: clientId, redirect_uri: CALLBACK });
  expect((await browser.go(url)).text).toContain('value="allow"');
});

test('an identifier that was altered, cut, or stitched together is nobody’s', async () => {
  const one = await registerClient(door);
  const other = await registerClient(door, { client_name: 'Other Mail' });
  const middle = Math.floor(one.length / 2);
  const forged = [
    one.slice(0, -1),
    one.slice(0, middle),
    `${one}A`,
    `${one}=`,
    one.replace('pc1.', 'pc2.'),
    one.replace('pc1.', 'PC1.'),
    one.slice(0, middle) + other.slice(middle),
    one.slice(0, 20) + other.slice(20),
    one.slice(0, 10) + (one[10] === 'A' ? 'B' : 'A') + one.slice(11),
    `pc1.${'A'.repeat(60)}`,
    'pc1.',
    `${one} `,
    `${one}\u0000`,
  ];
  for (const clientId of forged) {
    const page = await ask(clientId);
    expect(page.status, clientId).toBe(400);
    expect(page.headers.get('location')).toBeNull();
    const token = await door.call('/token', {
      grant_type: 'authorization_code',
      code: 'x',
      code_verifier: 'x'.repeat(43),
      client_id: clientId,
      redirect_uri: CALLBACK,
    });
    expect(token.json['error']).toMatch(/^invalid_(client|request)$/);
  }
  expect((await ask(one)).status).toBe(303);
});

test('an identifier of another Postern’s, or made with a guessed key, is nobody’s', async () => {
  const elsewhere = await openTestDoor();
  const theirs = await registerClient(elsewhere);
  await elsewhere.close();
  expect((await ask(theirs)).status).toBe(400);
  for (const key of ['', 'A'.repeat(43), Buffer.from('postern').toString('base64url')]) {
    const made = createIdentifiers([key]).issue({
      name: 'Forged',
      redirectUris: ['http://127.0.0.1/callback'],
      grants: ['code'],
    });
    expect((await ask(made ?? '')).status).toBe(400);
  }
});

test('an identifier says nothing of the key: the same registration elsewhere shares no MAC', async () => {
  const elsewhere = await openTestDoor();
  const [ours, theirs] = [await registerClient(door), await registerClient(elsewhere)];
  await elsewhere.close();
  expect(ours.slice(4, 20)).not.toBe(theirs.slice(4, 20));
  expect(door.artifacts.dump()).not.toContain(ours);
});

test('what registers itself never acts by itself, asks about tokens, or gets a secret', async () => {
  const clientId = await registerClient(door);
  const own = await door.call('/token', { grant_type: 'client_credentials', client_id: clientId });
  expect(own.json['error']).toMatch(/unauthorized_client|invalid_client|invalid_request/);
  const { json } = await tokensFor(door, await registerClient(door, { client_name: 'Victim' }));
  const asked = await door.call('/token/introspection', {
    token: String(json['access_token']),
    client_id: clientId,
  });
  expect(asked.json['active']).not.toBe(true);
  const taken = await door.call('/token/revocation', {
    token: String(json['refresh_token']),
    client_id: clientId,
  });
  expect(taken.json['error'] ?? 'ignored').toMatch(/ignored|invalid_request|invalid_client/);
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({
    addresses: ['alice@example.org'],
  });
});

test('another program’s code or refresh token is of no use to it', async () => {
  const [thief, victim] = [
    await registerClient(door, { client_name: 'Thief' }),
    await registerClient(door, { client_name: 'Victim' }),
  ];
  const { json } = await tokensFor(door, victim);
  const stolen = await door.call('/token', {
    grant_type: 'refresh_token',
    refresh_token: String(json['refresh_token']),
    client_id: thief,
  });
  expect(stolen.json['error']).toBe('invalid_grant');
});
