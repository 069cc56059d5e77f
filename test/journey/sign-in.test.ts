// The browser's way from a mail program to its tokens, in a real Chromium with the demo's identity provider.

import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchChromium } from '../support/authorization-chromium.ts';
import {
  authorizationUrl,
  MAIL,
  MAIL_PROGRAM,
  newProof,
  type Proof,
} from '../support/authorization-server.ts';
import { openSite, type Program, type Site, startProgram } from '../support/authorization-site.ts';

let chromium: Browser;
let site: Site;
let program: Program;
let proof: Proof;
let complaints: string[];

beforeAll(async () => {
  chromium = await launchChromium();
});
afterAll(() => chromium.close());
beforeEach(async () => {
  site = await openSite();
  program = await startProgram();
  proof = newProof();
  complaints = [];
});
afterEach(async () => {
  for (const context of chromium.contexts()) await context.close();
  await program.close();
  await site.close();
});

async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await chromium.newContext(options)).newPage();
  // What a page tried against its Content-Security-Policy stands in the console.
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return page;
}

const request = (changes: Record<string, string> = {}) =>
  authorizationUrl(site, proof, { redirect_uri: program.redirectUri, ...changes }).href;

async function logIn(page: Page, login = 'alice'): Promise<void> {
  await page.getByLabel('Login').fill(login);
  await page.getByLabel('Password').fill('demo');
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function exchange(answer: URL) {
  const response = await fetch(`${site.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: answer.searchParams.get('code') ?? '',
      redirect_uri: program.redirectUri,
      code_verifier: proof.verifier,
      client_id: 'postern-cli',
    }),
  });
  return (await response.json()) as Record<string, string>;
}

test('alice signs in and allows; the program gets tokens that speak for her', async () => {
  const page = await newPage();
  await page.goto(request());
  expect(page.url()).toContain(site.identityProvider);
  await logIn(page);
  await page.getByRole('heading', { name: 'Allow Postern command line to send mail as you?' }).waitFor();
  expect(await page.getByRole('main').innerText()).toContain('Send mail as alice@example.org');
  await page.getByRole('button', { name: 'Allow' }).click();
  const tokens = await exchange(await program.answer());
  await page.getByText('Back in the program').waitFor();
  expect(await site.door.verifier.verify(tokens['access_token'] ?? '')).toMatchObject({
    addresses: ['alice@example.org'],
    scopes: [MAIL],
  });
  expect(tokens['refresh_token']).toBeTypeOf('string');
  expect(complaints).toEqual([]);
});

test('Deny ends with access_denied at the program', async () => {
  const page = await newPage();
  await page.goto(request());
  await logIn(page, 'bob');
  await page.getByRole('button', { name: 'Deny' }).click();
  const answer = await program.answer();
  expect(answer.searchParams.get('error')).toBe('access_denied');
  expect(answer.searchParams.get('iss')).toBe(site.issuer);
  expect(complaints).toEqual([]);
});

test('what was allowed once is not asked again', async () => {
  const page = await newPage();
  await page.goto(request());
  await logIn(page);
  await page.getByRole('button', { name: 'Allow' }).click();
  await program.answer();
  const second = await startProgram();
  await page.goto(request({ redirect_uri: second.redirectUri }));
  expect((await second.answer()).searchParams.has('code')).toBe(true);
  await second.close();
});

test('it goes without a mouse', async () => {
  const page = await newPage();
  await page.goto(request());
  await page.locator('[name=login]:focus').waitFor();
  await page.keyboard.type('alice');
  await page.keyboard.press('Tab');
  await page.keyboard.type('demo');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  // With the stylesheet.
  await page.waitForLoadState('load');
  const stops: string[] = [];
  for (let count = 0; count < 4; count += 1) {
    await page.keyboard.press('Tab');
    stops.push(await page.evaluate('document.activeElement.textContent'));
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
    expect(outline, `the focus on ${stops.at(-1)} is to be seen`).toBe('solid');
  }
  expect(stops).toEqual(['Postern', 'Allow', 'Deny', 'Sign out']);
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  expect((await program.answer()).searchParams.has('code')).toBe(true);
});

test('it goes without JavaScript', async () => {
  const page = await newPage({ javaScriptEnabled: false });
  await page.goto(request());
  await logIn(page);
  await page.getByRole('button', { name: 'Allow' }).click();
  expect((await program.answer()).searchParams.has('code')).toBe(true);
  await page.goto(`${site.issuer}/session/end`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
  await page.goto(site.issuer);
  await page.getByRole('heading', { name: 'Nobody is signed in' }).waitFor();
});

test('it goes on a phone: nothing runs off the screen, and the buttons can be hit', async () => {
  const page = await newPage({ viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true });
  await page.goto(request({ scope: `openid email ${MAIL} offline_access` }));
  await logIn(page);
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
  for (const name of ['Allow', 'Deny']) {
    const box = await page.getByRole('button', { name }).boundingBox();
    expect(box?.height).toBeGreaterThanOrEqual(44);
    expect(box?.width).toBeGreaterThan(200);
  }
  await page.getByRole('button', { name: 'Allow' }).tap();
  expect((await program.answer()).searchParams.has('code')).toBe(true);
});

test('a program on the IPv6 loopback gets its answer', async () => {
  const onIpv6 = await startProgram('::1');
  const page = await newPage();
  await page.goto(request({ redirect_uri: onIpv6.redirectUri }));
  await logIn(page);
  expect(await page.getByRole('main').innerText()).toContain('[::1]:');
  await page.getByRole('button', { name: 'Allow' }).click();
  expect((await onIpv6.answer()).searchParams.has('code')).toBe(true);
  expect(complaints).toEqual([]);
  await onIpv6.close();
});

test('a program at a bare loopback address gets its answer, also when it is no', async () => {
  const bare = await startProgram('127.0.0.1', '');
  const page = await newPage();
  await page.goto(request({ client_id: MAIL_PROGRAM.clientId, redirect_uri: bare.redirectUri }));
  await logIn(page);
  await page.getByRole('button', { name: 'Deny' }).click();
  expect((await bare.answer()).searchParams.get('error')).toBe('access_denied');
  await bare.close();
});

test('an app with a scheme of its own is called, and the policy of the page lets it be', async () => {
  const page = await newPage();
  await page.goto(request({ client_id: MAIL_PROGRAM.clientId, redirect_uri: 'org.example.mail:/callback' }));
  await logIn(page);
  expect(await page.getByRole('main').innerText()).toContain(
    'the app on this device that opens org.example.mail:',
  );
  // Nothing on this machine opens such links, so the browser stops there.
  const called = page.waitForEvent('request', (sent) =>
    sent.url().startsWith('org.example.mail:/callback?code='),
  );
  await page.getByRole('button', { name: 'Allow' }).click({ noWaitAfter: true });
  await called;
  expect(complaints).toEqual([]);
});

test('the page tells a screen reader what it shows', async () => {
  const page = await newPage();
  await page.goto(request({ scope: `${MAIL} offline_access` }));
  await logIn(page);
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  const { host } = new URL(program.redirectUri);
  expect(await page.getByRole('main').ariaSnapshot()).toBe(
    [
      '- main:',
      '  - heading "Allow Postern command line to send mail as you?" [level=1]',
      '  - paragraph:',
      '    - text: You are signed in as',
      '    - strong: alice@example.org',
      '    - text: .',
      '  - heading "It will be able to" [level=2]',
      '  - list "It will be able to":',
      '    - listitem:',
      '      - text: Send mail as',
      '      - strong: alice@example.org',
      '    - listitem: Keep this permission for up to 365 days without asking you again',
      '  - heading "Who asks, and where your answer goes" [level=2]',
      '  - term: Program',
      '  - definition:',
      '    - text: Postern command line (',
      '    - code: postern-cli',
      '    - text: )',
      '  - term: Answer goes to',
      '  - definition:',
      '    - text: a program on this computer (',
      `    - code: ${host}`,
      '    - text: )',
      '  - paragraph: If you did not start this yourself just now, choose Deny.',
      '  - button "Allow"',
      '  - button "Deny"',
      '  - paragraph:',
      '    - text: Not alice@example.org?',
      '    - link "Sign out":',
      '      - /url: /session/end',
      '    - text: ", then start again in the program."',
    ].join('\n'),
  );
  expect(await page.evaluate('document.documentElement.lang')).toBe('en');
  expect(await page.title()).toBe('Allow Postern command line? – Postern');
});

test('cancelling at the identity provider is an answer, too', async () => {
  const page = await newPage();
  await page.goto(request());
  await page.getByRole('button', { name: 'Cancel' }).click();
  expect((await program.answer()).searchParams.get('error')).toBe('access_denied');
});

test('while the identity provider is down the page says what to do; then the sign-in goes on', async () => {
  await site.stopIdentityProvider();
  const page = await newPage();
  const response = await page.goto(request());
  expect(response?.status()).toBe(503);
  await page.getByRole('heading', { name: 'Demo Login does not answer' }).waitFor();
  await site.startIdentityProvider();
  await expect
    .poll(
      async () => {
        await page.getByRole('link', { name: 'Try again' }).click();
        return page.url();
      },
      { timeout: 10_000, interval: 500 },
    )
    .toContain(site.identityProvider);
  await logIn(page);
  await page.getByRole('button', { name: 'Allow' }).click();
  expect((await program.answer()).searchParams.has('code')).toBe(true);
});

test('a page of another site cannot show the consent page in a frame', async () => {
  const page = await newPage();
  await page.goto(request());
  await logIn(page);
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  const address = page.url();
  await page.goto(`${program.redirectUri}?x`);
  await page.evaluate(
    `document.body.append(Object.assign(document.createElement('iframe'), { src: '${address}' }))`,
  );
  await expect.poll(() => complaints.join('\n')).toMatch(/frame/i);
  const frame = page.frames().find((candidate) => candidate !== page.mainFrame());
  expect(await frame?.locator('button').count()).toBe(0);
});
