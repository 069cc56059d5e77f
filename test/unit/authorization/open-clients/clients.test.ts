// What programs that nobody registered can do, and how it is taken back from them.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { DocumentFailed } from '../../../../src/authorization/open-clients/document-fetch.ts';
import {
  authorizationUrl,
  claimsOf,
  goToConsent,
  type Kept,
  MAIL,
  newKept,
  newProof,
  openTestDoor,
  type TestDoor,
} from '../../../support/authorization-server.ts';
import {
  CALLBACK,
  clientDocument,
  DOCUMENT,
  documentsAt,
  registerClient,
  tokensFor,
} from '../../../support/open-client.ts';

let kept: Kept;
let door: TestDoor;
beforeEach(async () => {
  kept = newKept();
  door = await openTestDoor({}, { kept });
});
afterEach(() => door.close());

const words = (html: string) =>
  (/<main>(.*)<\/main>/s.exec(html)?.[1] ?? '').replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

async function reopen(...options: Parameters<typeof openTestDoor>): Promise<void> {
  await door.close();
  door = await openTestDoor(options[0], { kept, ...options[1] });
}

const refresh = (clientId: string, token: unknown) =>
  door.call('/token', { grant_type: 'refresh_token', refresh_token: String(token), client_id: clientId });

test('a program that registered itself gets tokens that speak for the person, and renews them', async () => {
  const clientId = await registerClient(door);
  const { status, json } = await tokensFor(door, clientId);
  expect(status).toBe(200);
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({
    addresses: ['alice@example.org'],
    clientId,
  });
  expect((await refresh(clientId, json['refresh_token'])).status).toBe(200);
});

test.each([
  ['Thunderbird', ['http://127.0.0.1']],
  ['Example Mail', ['http://127.0.0.1/callback', 'org.example.mail:/callback']],
  ['Example Mail', ['http://127.0.0.1/callback', 'http://[::1]/callback', 'http://localhost/callback']],
])('the token of a %s with %s is short enough for every mail client', async (name, redirects) => {
  const clientId = await registerClient(door, { client_name: name, redirect_uris: redirects });
  const { json } = await tokensFor(door, clientId, {
    changes: { redirect_uri: name === 'Thunderbird' ? 'http://127.0.0.1:51234' : CALLBACK },
  });
  expect(String(json['access_token']).length).toBeLessThan(512);
});

test('the longest identifier there is works like any other', async () => {
  const clientId = await registerClient(door, {
    redirect_uris: [
      'http://127.0.0.1/callback',
      ...Array.from({ length: 5 }, (_, index) => `org.example.mail:/${index}${crypto.randomUUID()}`),
    ],
  });
  expect(clientId.length).toBeGreaterThan(200);
  const { json } = await tokensFor(door, clientId);
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({ clientId });
  expect((await refresh(clientId, json['refresh_token'])).status).toBe(200);
});

test('its identifier outlives a restart and the rotation of the signing keys', async () => {
  const clientId = await registerClient(door);
  const { json } = await tokensFor(door, clientId);
  kept.keys.remove((await kept.keys.list())[0]?.id ?? '');
  await reopen({});
  expect((await refresh(clientId, json['refresh_token'])).status).toBe(200);
});

test('what a person allowed it is remembered, though it registers anew', async () => {
  const browser = door.newBrowser();
  await tokensFor(door, await registerClient(door), { browser });
  const again = await registerClient(door, { software_version: '2' });
  const url = authorizationUrl(door, newProof(), { client_id: again, redirect_uri: CALLBACK });
  expect((await browser.go(url)).url.searchParams.has('code')).toBe(true);
});

test('the consent page says that nobody has checked it, and shows no name as if one had', async () => {
  const clientId = await registerClient(door, { client_name: 'Example Bank Support' });
  const url = authorizationUrl(door, newProof(), { client_id: clientId, redirect_uri: CALLBACK });
  const page = await goToConsent(door.newBrowser(), url);
  const text = words(page.text);
  expect(text).toContain('Allow a program that calls itself “ Example Bank Support ” to send mail as you?');
  expect(text).toContain('not verified ; it calls itself “ Example Bank Support ”');
  expect(text).toContain('Nobody here has checked this program');
  expect(text).toContain('a program on this computer ( 127.0.0.1:51234 )');
  expect(page.text).toContain('<title>Allow an unverified program? – Postern</title>');
  const configured = await goToConsent(door.newBrowser(), authorizationUrl(door, newProof()));
  expect(words(configured.text)).not.toContain('Nobody here has checked');
});

test('one without a name is not given one', async () => {
  const clientId = await registerClient(door, { client_name: undefined });
  const url = authorizationUrl(door, newProof(), { client_id: clientId, redirect_uri: CALLBACK });
  const page = await goToConsent(door.newBrowser(), url);
  expect(words(page.text)).toContain('a program that calls itself “ a program without a name ”');
});

test('closing registration refuses every program that came in by it: no consent, no tokens, no renewal', async () => {
  const clientId = await registerClient(door);
  const { json } = await tokensFor(door, clientId);
  await reopen({ registration: { mode: 'closed', redirectPatterns: ['loopback', 'private-use'] } });
  const url = authorizationUrl(door, newProof(), { client_id: clientId, redirect_uri: CALLBACK });
  const page = await door.newBrowser().go(url);
  expect(page.status).toBe(400);
  expect(page.text).toContain('This program is not known here');
  const renewed = await refresh(clientId, json['refresh_token']);
  expect(renewed.json['error']).toBe('invalid_client');
  await reopen({});
  expect((await refresh(clientId, json['refresh_token'])).status).toBe(200);
});

test('closing it while a person looks at the consent page gives nothing away', async () => {
  const clientId = await registerClient(door);
  const browser = door.newBrowser();
  const url = authorizationUrl(door, newProof(), { client_id: clientId, redirect_uri: CALLBACK });
  const page = await goToConsent(browser, url);
  await reopen({ registration: { mode: 'closed', redirectPatterns: [] } });
  const answer = await door.transport({
    method: 'POST',
    url: page.url,
    headers: {
      cookie: browser
        .cookies()
        .filter(({ path }) => page.url.pathname.startsWith(path))
        .map(({ name, value }) => `${name}=${value}`)
        .join('; '),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'answer=allow',
  });
  expect(answer.status).toBe(400);
  expect(answer.text).toContain('This program is not known here');
  expect(door.eventsNamed('consentGiven')).toEqual([]);
});

test('a narrower pattern counts for programs that registered before', async () => {
  const clientId = await registerClient(door);
  await reopen({ registration: { mode: 'open', redirectPatterns: ['private-use'] } });
  const ask = (redirect: string) =>
    door.newBrowser().go(authorizationUrl(door, newProof(), { client_id: clientId, redirect_uri: redirect }));
  expect((await ask(CALLBACK)).status).toBe(400);
  expect((await ask('org.example.mail:/callback')).status).toBe(303);
});

test('what the operator ends ends for it, too', async () => {
  const clientId = await registerClient(door);
  const { json } = await tokensFor(door, clientId);
  const ended = await door.server.access.endClient(clientId, { cause: 'a test' });
  expect(ended).toMatchObject({ known: true, grants: 1 });
  expect((await refresh(clientId, json['refresh_token'])).json['error']).toBe('invalid_grant');
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({ code: 'token-revoked' });
});

test('one without offline_access in its request gets no refresh token', async () => {
  const { json } = await tokensFor(door, await registerClient(door), { changes: { scope: MAIL } });
  expect(json['access_token']).toBeTypeOf('string');
  expect(json).not.toHaveProperty('refresh_token');
});

test('a configured client of the form of an identifier, or of an address, is the operator’s', async () => {
  const own = {
    clientId: DOCUMENT,
    name: 'Own App',
    redirectUris: ['http://127.0.0.1/callback'],
    sendAs: [],
  };
  const { fetch, asked } = documentsAt({ [DOCUMENT]: clientDocument() });
  await reopen({ clients: [own] }, { fetchDocument: fetch });
  const url = authorizationUrl(door, newProof(), { client_id: DOCUMENT, redirect_uri: CALLBACK });
  const page = await goToConsent(door.newBrowser(), url);
  expect(words(page.text)).toContain('Allow Own App to send mail as you?');
  expect(asked).toEqual([]);
});

test('a program with a document about itself gets tokens; the document is fetched once', async () => {
  const { fetch, asked } = documentsAt({ [DOCUMENT]: clientDocument() });
  await reopen({}, { fetchDocument: fetch });
  const { status, json } = await tokensFor(door, DOCUMENT);
  expect(status).toBe(200);
  expect(claimsOf(String(json['access_token']))['client_id']).toBe(DOCUMENT);
  expect((await refresh(DOCUMENT, json['refresh_token'])).status).toBe(200);
  expect(asked).toEqual([DOCUMENT]);
});

test('its consent page names the host that speaks for it', async () => {
  await reopen({}, { fetchDocument: documentsAt({ [DOCUMENT]: clientDocument() }).fetch });
  const url = authorizationUrl(door, newProof(), { client_id: DOCUMENT, redirect_uri: CALLBACK });
  const page = await goToConsent(door.newBrowser(), url);
  const text = words(page.text);
  expect(text).toContain('Allow “ Described Mail ” from app.example.net to send mail as you?');
  expect(text).toContain('not verified ; app.example.net calls it “ Described Mail ”');
  expect(text).toContain('allow it only if you trust whoever has that address');
});

test('a document’s web site is no place for an answer, unless the operator says so', async () => {
  const { fetch } = documentsAt({ [DOCUMENT]: clientDocument() });
  await reopen({}, { fetchDocument: fetch });
  const ask = () =>
    door.newBrowser().go(
      authorizationUrl(door, newProof(), {
        client_id: DOCUMENT,
        redirect_uri: 'https://app.example.net/callback',
      }),
    );
  expect((await ask()).status).toBe(400);
  const documents = { mode: 'open' as const, hosts: [], privateHosts: [] };
  await reopen(
    { clientMetadataDocuments: { ...documents, redirectPatterns: ['same-origin'] } },
    { fetchDocument: fetch },
  );
  expect((await ask()).status).toBe(303);
});

test('while a document cannot be had, the program is to come again, and its tokens are not taken', async () => {
  await reopen({}, { fetchDocument: documentsAt({ [DOCUMENT]: clientDocument() }).fetch });
  const { json } = await tokensFor(door, DOCUMENT);
  await reopen({}, { fetchDocument: () => Promise.reject(new DocumentFailed('answered 500')) });
  const away = await refresh(DOCUMENT, json['refresh_token']);
  expect(away.status).toBe(503);
  expect(away.json).toEqual({
    error: 'temporarily_unavailable',
    error_description: 'the document at this client_id cannot be had now',
  });
  const page = await door
    .newBrowser()
    .go(authorizationUrl(door, newProof(), { client_id: DOCUMENT, redirect_uri: CALLBACK }));
  expect(page.status).toBe(503);
  expect(page.text).toContain('Your program cannot be looked up now');
  await reopen({}, { fetchDocument: documentsAt({ [DOCUMENT]: clientDocument() }).fetch });
  expect((await refresh(DOCUMENT, json['refresh_token'])).status).toBe(200);
});

test('closed, nothing is fetched and nobody is known by a document', async () => {
  const { fetch, asked } = documentsAt({ [DOCUMENT]: clientDocument() });
  await reopen(
    {
      clientMetadataDocuments: {
        mode: 'closed',
        redirectPatterns: ['loopback'],
        hosts: [],
        privateHosts: [],
      },
    },
    { fetchDocument: fetch },
  );
  const page = await door
    .newBrowser()
    .go(authorizationUrl(door, newProof(), { client_id: DOCUMENT, redirect_uri: CALLBACK }));
  expect(page.status).toBe(400);
  expect(asked).toEqual([]);
});
