// RFC 9207, RFC 9700 §4.4: the client must be able to tell which server answered.

import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  authorizationUrl,
  goToConsent,
  newProof,
  openTestDoor,
  signInAndAllow,
  type TestDoor,
} from '../support/authorization-server.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await openTestDoor();
});
afterAll(() => door.close());

test('RFC 9207 §2: every answer names the issuer, letter by letter as in the metadata', async () => {
  const metadata = await door.transport({
    method: 'GET',
    url: new URL('/.well-known/oauth-authorization-server', door.issuer),
    headers: {},
  });
  const { issuer } = JSON.parse(metadata.text) as { issuer: string };
  const browser = door.newBrowser();
  const denied = await browser.press(
    await goToConsent(browser, authorizationUrl(door, newProof())),
    'answer',
    'deny',
  );
  const answers = [
    denied.url,
    (await browser.go(authorizationUrl(door, newProof(), { prompt: 'none' }))).url,
    (await browser.go(authorizationUrl(door, newProof(), { code_challenge: undefined }))).url,
    await signInAndAllow(browser, authorizationUrl(door, newProof())),
  ];
  for (const answer of answers) expect(answer.searchParams.getAll('iss')).toEqual([issuer]);
  expect(answers.map(({ searchParams }) => searchParams.get('error'))).toEqual([
    'access_denied',
    'consent_required',
    'invalid_request',
    null,
  ]);
});

test('a client cannot make the answer name another one', async () => {
  const url = authorizationUrl(door, newProof(), { iss: 'https://evil.example' });
  const answer = await signInAndAllow(door.newBrowser(), url);
  expect(answer.searchParams.getAll('iss')).toEqual([door.issuer]);
});
