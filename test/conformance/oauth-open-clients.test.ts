// RFC 9700 §2.1, §4.4, §4.8, §4.16, RFC 9207, RFC 7636, RFC 8707 §2, RFC 8252 §8 on programs that nobody registered: what holds for
// the operator's clients holds for them.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formOf } from '../support/authorization-browser.ts';
import {
  authorizationUrl,
  claimsOf,
  exchangeCode,
  goToConsent,
  newProof,
  openTestDoor,
  signInAndAllow,
  type TestDoor,
} from '../support/authorization-server.ts';
import {
  CALLBACK,
  clientDocument,
  DOCUMENT,
  documentsAt,
  registerClient,
  tokensFor,
} from '../support/open-client.ts';

let door: TestDoor;
let clientId: string;

describe.each([
  ['registered itself', () => registerClient(door)],
  ['is described by a document', async () => DOCUMENT],
])('a program that %s', (_how, become) => {
  beforeEach(async () => {
    door = await openTestDoor({}, { fetchDocument: documentsAt({ [DOCUMENT]: clientDocument() }).fetch });
    clientId = await become();
  });
  afterEach(() => door.close());

  const request = (changes: Record<string, string | undefined> = {}) =>
    authorizationUrl(door, newProof(), { client_id: clientId, redirect_uri: CALLBACK, ...changes });

  test('RFC 9207: every answer names the issuer, and a client cannot change that', async () => {
    const browser = door.newBrowser();
    const denied = await browser.press(await goToConsent(browser, request()), 'answer', 'deny');
    const answers = [
      denied.url,
      (await browser.go(request({ prompt: 'none' }))).url,
      (await browser.go(request({ code_challenge: undefined }))).url,
      await signInAndAllow(browser, request({ iss: 'https://evil.example' })),
    ];
    for (const answer of answers) expect(answer.searchParams.getAll('iss')).toEqual([door.issuer]);
  });

  test.each([
    ['missing', { code_challenge: undefined, code_challenge_method: undefined }],
    ['plain', { code_challenge_method: 'plain' }],
    ['without its method', { code_challenge_method: undefined }],
    ['empty', { code_challenge: '' }],
  ])('RFC 9700 §2.1.1: a challenge that is %s is refused', async (_what, changes) => {
    const { url } = await door.newBrowser().go(request(changes));
    expect(url.searchParams.get('error')).toBe('invalid_request');
    expect(url.searchParams.has('code')).toBe(false);
  });

  test('RFC 9700 §4.8.2: a code without the verifier of its challenge is worth nothing', async () => {
    const proof = newProof();
    const answer = await signInAndAllow(
      door.newBrowser(),
      authorizationUrl(door, proof, { client_id: clientId, redirect_uri: CALLBACK }),
    );
    const withVerifier = (verifier: string) =>
      exchangeCode(door, answer, proof, { client_id: clientId, code_verifier: verifier });
    expect((await withVerifier(newProof().verifier)).json['error']).toBe('invalid_grant');
    expect((await withVerifier('')).status).toBe(400);
  });

  test.each([
    'https://evil.example/callback',
    'http://evil.example/callback',
    'http://127.0.0.1:51234/other',
    'http://127.0.0.1:51234/callback/',
    'http://127.0.0.1:51234/callback?x',
    'http://127.0.0.1:51234/callback#x',
    'http://127.0.0.1:51234@evil.example/callback',
    'http://localhost:51234/callback',
    'http://[::1]:51234/callback',
    'http://127.1:51234/callback',
    'https://127.0.0.1/callback',
    'https://app.example.net/callback',
    'javascript:alert(1)',
    '',
    undefined,
  ])('RFC 9700 §4.1: %s is not registered for it, so nothing goes there', async (redirect) => {
    const page = await door.newBrowser().go(request({ redirect_uri: redirect }));
    expect(page.status).toBe(400);
    expect(page.headers.get('location')).toBeNull();
    expect(page.text).not.toContain('evil.example');
  });

  test('RFC 8252 §7.3: its loopback port may differ each time', async () => {
    const answer = await signInAndAllow(
      door.newBrowser(),
      request({ redirect_uri: 'http://127.0.0.1:60007/callback' }),
    );
    expect(answer.origin).toBe('http://127.0.0.1:60007');
  });

  test.each([
    'https://evil.example',
    'https://mail.example.org.evil.example',
    'https://graph.example.net',
    'https://mail.example.org/other',
    'https://mail.example.org#x',
    'imap://mail.example.org',
    'mail.example.org',
    'urn:x',
  ])('RFC 8707 §2: %s is no resource of ours: invalid_target', async (resource) => {
    const { url } = await door.newBrowser().go(request({ resource }));
    expect(url.searchParams.get('error')).toBe('invalid_target');
  });

  test.each([
    'https://mail.example.org',
    'https://mail.example.org/',
    'smtp://mail.example.org:587',
    'submission://mail.example.org',
    'submissions://mail.example.org:465',
  ])('RFC 8707: %s is the submission service, whose tokens are for its audience alone', async (resource) => {
    const { json } = await tokensFor(door, clientId, { changes: { resource } });
    expect(claimsOf(String(json['access_token']))['aud']).toBe('https://mail.example.org');
  });

  test('RFC 8707 §2.2: at the token endpoint another resource is refused, too', async () => {
    const { json } = await tokensFor(door, clientId);
    const renewed = await door.call('/token', {
      grant_type: 'refresh_token',
      refresh_token: String(json['refresh_token']),
      client_id: clientId,
      resource: 'https://evil.example',
    });
    expect(renewed.json['error']).toBe('invalid_target');
  });

  test('RFC 9700 §4.16: no page frames the consent page, and its form leads nowhere else', async () => {
    const page = await goToConsent(door.newBrowser(), request());
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'self' http://127.0.0.1:51234;");
    expect(policy).not.toContain('app.example.net');
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.text).not.toMatch(/<script|<iframe|<img|https?:\/\/app\.example\.net\//);
  });

  test('RFC 6749 §10.12: consent is given by the person’s own browser on our own page, or not at all', async () => {
    const browser = door.newBrowser();
    const page = await goToConsent(browser, request());
    const { action } = formOf(page.text);
    const to = new URL(action, door.issuer);
    const forged = [
      await door.newBrowser().submit(to, { answer: 'allow' }),
      await browser.submit(to, { answer: 'allow' }, { origin: 'https://evil.example' }),
      await browser.submit(to, { answer: 'allow' }, { 'sec-fetch-site': 'cross-site' }),
    ];
    expect(forged.map(({ status }) => status)).toEqual([400, 403, 403]);
    expect(door.eventsNamed('consentGiven')).toEqual([]);
    expect((await browser.press(page, 'answer', 'allow')).url.searchParams.has('code')).toBe(true);
  });

  test('RFC 8252 §8.6: without a person’s consent there is none, whatever the request says', async () => {
    const browser = door.newBrowser();
    await tokensFor(door, 'postern-cli', { browser });
    const answer = await browser.go(request({ prompt: 'none' }));
    expect(answer.url.searchParams.get('error')).toBe('consent_required');
  });

  test('RFC 9700 §4.14.2: a refresh token that is used twice ends them all', async () => {
    const { json } = await tokensFor(door, clientId);
    const renew = (token: unknown) =>
      door.call('/token', {
        grant_type: 'refresh_token',
        refresh_token: String(token),
        client_id: clientId,
      });
    const next = await renew(json['refresh_token']);
    expect(next.status).toBe(200);
    expect((await renew(json['refresh_token'])).json['error']).toBe('invalid_grant');
    expect((await renew(next.json['refresh_token'])).json['error']).toBe('invalid_grant');
    expect(await door.verifier.verify(String(next.json['access_token']))).toMatchObject({
      code: 'token-revoked',
    });
  });
});
