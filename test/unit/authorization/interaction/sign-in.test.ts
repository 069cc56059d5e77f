import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CALLBACK_PATH, signInRedirectUri } from '../../../../src/authorization/interaction/sign-in.ts';
import { refuse } from '../../../../src/refusal.ts';
import { ALICE, BOB, IDENTITY_PROVIDER } from '../../../support/authorization-identity-provider.ts';
import {
  authorizationUrl,
  comeBack,
  exchangeCode,
  goToConsent,
  newProof,
  obtainTokens,
  openTestDoor,
  signInAndAllow,
  type TestDoor,
  testSettings,
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

test('the browser is sent to the identity provider, with the hint of the program', async () => {
  expect(signInRedirectUri('https://mail.example.org')).toBe('https://mail.example.org/sign-in/callback');
  const { status, url } = await door.newBrowser().go(request({ login_hint: 'alice@example.org' }));
  expect(status).toBe(303);
  expect(url.origin).toBe(IDENTITY_PROVIDER);
  expect(door.identityProvider.hints).toEqual(['alice@example.org']);
  expect(door.eventsNamed('signInStarted')).toEqual([{ peer: '127.0.0.1', client: 'postern-cli' }]);
});

test('who comes back gets an account, and keeps it', async () => {
  await obtainTokens(door);
  const [first] = door.accounts.all();
  expect(first).toMatchObject({
    idpIssuer: IDENTITY_PROVIDER,
    idpSubject: 'alice-1',
    addresses: ['alice@example.org'],
    name: 'Alice Example',
    id: expect.stringMatching(/^[\w-]{16}$/),
  });
  door.identityProvider.person = { ...ALICE, email: 'a.example@example.org' };
  await obtainTokens(door);
  expect(door.accounts.all()).toMatchObject([{ id: first?.id, addresses: ['a.example@example.org'] }]);
  expect(door.eventsNamed('signInSucceeded').at(-1)).toMatchObject({
    user: 'a.example@example.org',
    issuer: IDENTITY_PROVIDER,
  });
});

test('while the identity provider is down a page says so; it goes on when it is back', async () => {
  door.identityProvider.isDown = true;
  const browser = door.newBrowser();
  for (let count = 0; count < 2; count += 1) {
    const page = await browser.go(request());
    expect(page.status).toBe(503);
    expect(page.headers.get('retry-after')).toBe('30');
    expect(page.text).toContain('Example Login does not answer');
    expect(page.text).toContain('Wait a minute, then try again.');
    expect(page.text).not.toContain('connection refused');
  }
  expect(door.eventsNamed('identityProviderDown')).toEqual([
    { issuer: IDENTITY_PROVIDER, reason: 'connection refused' },
  ]);
  const page = await browser.go(request());
  const again = /<a href="([^"]+)" class="button primary">Try again/.exec(page.text)?.[1] ?? '';
  door.identityProvider.isDown = false;
  const sent = await browser.go(new URL(again, door.issuer));
  expect(sent.url.origin).toBe(IDENTITY_PROVIDER);
  expect((await comeBack(browser, sent)).text).toContain('Allow');
  expect(door.eventsNamed('identityProviderUp')).toEqual([{ issuer: IDENTITY_PROVIDER }]);
});

test('an identity provider that goes away in the middle is the same page', async () => {
  const browser = door.newBrowser();
  const sent = await browser.go(request());
  door.identityProvider.isDown = true;
  const page = await comeBack(browser, sent);
  expect(page.status).toBe(503);
  expect(door.eventsNamed('signInFailed')).toMatchObject([{ code: 'issuer-unavailable' }]);
});

test('whoever gives up there can cancel, and the program learns of it', async () => {
  door.identityProvider.isDown = true;
  const browser = door.newBrowser();
  const answer = await browser.press(await browser.go(request()), 'answer', 'deny');
  expect(answer.url.searchParams.get('error')).toBe('access_denied');
  expect(answer.url.searchParams.get('state')).toBe('state-of-the-client');
});

test('who cancels at the identity provider has answered the program', async () => {
  door.identityProvider.person = undefined;
  const answer = await goToConsent(door.newBrowser(), request());
  expect(answer.url.origin).toBe('http://127.0.0.1:51234');
  expect(answer.url.searchParams.get('error')).toBe('access_denied');
  expect(answer.url.searchParams.get('iss')).toBe('https://mail.example.org');
});

test.each([
  ['no address', { sub: 'x' }],
  ['an address that is not confirmed', { sub: 'x', email: 'x@example.org', email_verified: false }],
  ['something that is no address', { sub: 'x', email: 'x', email_verified: true }],
])('a person with %s reads what to do', async (_name, person) => {
  door.identityProvider.person = person;
  const page = await goToConsent(door.newBrowser(), request());
  expect(page.status).toBe(403);
  expect(page.text).toContain('There is no mail address for you');
  expect(page.text).toContain('Ask the people who run Example Login');
  expect(door.accounts.all()).toEqual([]);
  expect(door.eventsNamed('signInFailed')).toMatchObject([{ client: 'postern-cli', code: 'token-identity' }]);
});

test('where its domains are named, nobody else signs in, and the page says why', async () => {
  const provider = testSettings().identityProvider;
  await door.close();
  door = await openTestDoor({ identityProvider: { ...provider, domains: ['example.org'] } });
  door.identityProvider.person = { ...ALICE, email: 'alice@mail.example.org' };
  const page = await goToConsent(door.newBrowser(), request());
  expect(page.status).toBe(403);
  expect(page.text).toContain('Your mail address is not one of ours');
  expect(door.accounts.all()).toEqual([]);
  expect(door.eventsNamed('signInFailed')).toMatchObject([
    {
      code: 'token-identity',
      reason: expect.stringContaining('email is "alice@mail.example.org", of no domain') as string,
    },
  ]);
  door.identityProvider.person = { ...ALICE, email: 'alice@EXAMPLE.org' };
  await obtainTokens(door);
  expect(door.accounts.all()).toHaveLength(1);
});

test('where claims are required, nobody without them signs in, and the page says so', async () => {
  const provider = testSettings().identityProvider;
  await door.close();
  door = await openTestDoor({
    identityProvider: { ...provider, require: [{ claim: 'hd', anyOf: ['example.org'] }] },
  });
  // A personal account at Google may have any confirmed address; only one of the organisation has `hd`.
  for (const claims of [{}, { hd: 'example.net' }, { hd: 'example.org.example.net' }, { hd: '' }]) {
    door.identityProvider.person = { ...ALICE, ...claims };
    const page = await goToConsent(door.newBrowser(), request());
    expect(page.status).toBe(403);
    expect(page.text).toContain('Your account may not send mail here');
  }
  expect(door.accounts.all()).toEqual([]);
  expect(door.eventsNamed('signInFailed')[1]).toMatchObject({
    code: 'token-scope',
    reason: 'expected hd to hold "example.org", found "example.net"',
  });
  door.identityProvider.person = { ...ALICE, hd: 'example.org' };
  await obtainTokens(door);
  expect(door.accounts.all()).toHaveLength(1);
});

test('an answer that does not verify signs nobody in', async () => {
  door.identityProvider.refusal = refuse('token-signature', 'signature verification failed');
  const page = await goToConsent(door.newBrowser(), request());
  expect(page.status).toBe(403);
  expect(page.text).toContain('The sign-in did not work');
  expect(page.text).not.toContain('signature');
  expect(door.accounts.all()).toEqual([]);
});

test('an account that is switched off is not let in, now or with the session it has', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  door.accounts.disable(door.accounts.all()[0]?.id ?? '');
  const page = await goToConsent(browser, request());
  expect(page.status).toBe(403);
  expect(page.text).toContain('Your account is switched off here');
});

test('an account switched off while the consent page is open gets nothing', async () => {
  const browser = door.newBrowser();
  const page = await goToConsent(browser, request());
  door.accounts.disable(door.accounts.all()[0]?.id ?? '');
  const answer = await browser.press(page, 'answer', 'allow');
  expect(answer.status).toBe(403);
  expect(door.eventsNamed('consentGiven')).toEqual([]);
});

test('when somebody else signs in, nothing of the one before passes on', async () => {
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  door.identityProvider.person = BOB;
  const proof = newProof();
  const page = await goToConsent(browser, authorizationUrl(door, proof, { prompt: 'login' }));
  expect(page.text).toContain('bob@example.org');
  expect(page.text).not.toContain('alice');
  const answer = await browser.press(page, 'answer', 'allow');
  const { json } = await exchangeCode(door, answer.url, proof);
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({
    addresses: ['bob@example.org'],
  });
  expect((await browser.go(door.issuer)).text).toContain('bob@example.org');
  expect(door.eventsNamed('signedOut')).toMatchObject([{ user: 'alice@example.org' }]);
});

test('the session of a browser lasts as long as the settings say, however busy it is', async () => {
  await door.close();
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00Z') });
  door = await openTestDoor({ sessionLifetime: 3_600_000 });
  const browser = door.newBrowser();
  await obtainTokens(door, browser);
  for (const minutes of [25, 25]) {
    vi.setSystemTime(Date.now() + minutes * 60_000);
    expect((await browser.go(request())).url.searchParams.has('code')).toBe(true);
  }
  vi.setSystemTime(Date.now() + 15 * 60_000);
  expect((await browser.go(request())).url.origin).toBe(IDENTITY_PROVIDER);
});

test('sign-ins in two tabs do not disturb each other', async () => {
  const browser = door.newBrowser();
  const [one, two] = [newProof(), newProof()];
  const first = await browser.go(authorizationUrl(door, one, { state: 'one' }));
  const second = await browser.go(authorizationUrl(door, two, { state: 'two' }));
  const pageTwo = await comeBack(browser, second);
  const pageOne = await comeBack(browser, first);
  const answerOne = await browser.press(pageOne, 'answer', 'allow');
  const answerTwo = await browser.press(pageTwo, 'answer', 'allow');
  expect(answerOne.url.searchParams.get('state')).toBe('one');
  expect(answerTwo.url.searchParams.get('state')).toBe('two');
  expect((await exchangeCode(door, answerOne.url, one)).status).toBe(200);
  expect((await exchangeCode(door, answerTwo.url, two)).status).toBe(200);
});

test('an answer that comes too late is told apart from an attack by nobody: start again', async () => {
  await door.close();
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00Z') });
  door = await openTestDoor();
  const browser = door.newBrowser();
  const sent = await browser.go(request());
  vi.setSystemTime(Date.now() + 16 * 60_000);
  const page = await comeBack(browser, sent);
  expect(page.status).toBe(400);
  expect(page.text).toContain('This sign-in is over');
  expect(door.identityProvider.finished).toBe(0);
});

test('the page after the sign-in works once more from the history: it says that it is over', async () => {
  const browser = door.newBrowser();
  const page = await goToConsent(browser, request());
  await browser.press(page, 'answer', 'allow');
  for (const again of [browser.go(page.url), browser.press(page, 'answer', 'allow')]) {
    expect(await again).toMatchObject({ status: 400, text: expect.stringContaining('This sign-in is over') });
  }
  expect(door.eventsNamed('consentGiven')).toHaveLength(1);
});

test('the callback without a sign-in is a page, not an error of the program', async () => {
  const page = await door.newBrowser().go(new URL(CALLBACK_PATH, door.issuer));
  expect(page).toMatchObject({ status: 400, text: expect.stringContaining('What to do next') });
  expect(door.eventsNamed('signInFailed')).toMatchObject([{ code: 'session-expired' }]);
});

test('signing in is remembered: a second request needs no identity provider', async () => {
  const browser = door.newBrowser();
  await signInAndAllow(browser, request());
  door.identityProvider.isDown = true;
  expect((await browser.go(request())).url.searchParams.has('code')).toBe(true);
});
