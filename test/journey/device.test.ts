// A device without a browser, and the person who lets it in: through real pages in a real Chromium, to tokens that work.

import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchChromium } from '../support/authorization-chromium.ts';
import { askForCode, poll, type WaitingDevice } from '../support/authorization-device.ts';
import { MAIL } from '../support/authorization-server.ts';
import { openSite, type Site } from '../support/authorization-site.ts';

let chromium: Browser;
let site: Site;
let device: WaitingDevice;
let complaints: string[];

/** Requests over the site's own sockets. */
const caller = () => ({
  async call(path: string, form: Record<string, string>) {
    const response = await fetch(new URL(path, site.issuer), {
      method: 'POST',
      body: new URLSearchParams(form),
    });
    const json = (await response.json()) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, json };
  },
});

beforeAll(async () => {
  chromium = await launchChromium();
});
afterAll(() => chromium.close());
beforeEach(async () => {
  site = await openSite();
  complaints = [];
  device = await askForCode(caller(), { scope: `openid email ${MAIL} offline_access` });
});
afterEach(async () => {
  for (const context of chromium.contexts()) await context.close();
  await site.close();
});

async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await chromium.newContext(options)).newPage();
  // What a page tried against its Content-Security-Policy stands in the console; so does each answer that is no success.
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text()))
      complaints.push(message.text());
  });
  return page;
}

async function enter(page: Page, code: string): Promise<void> {
  await page.getByLabel('Code that the device shows').fill(code);
  await page.getByRole('button', { name: 'Continue' }).click();
}

async function logIn(page: Page, login = 'alice'): Promise<void> {
  await page.getByLabel('Login').fill(login);
  await page.getByLabel('Password').fill('demo');
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name }).waitFor();
const outcome = async () => (await poll(caller(), device)).json as Record<string, string>;

test('alice enters the code, compares, signs in and allows; the device gets tokens that speak for her', async () => {
  const page = await newPage();
  await page.goto(device.verification_uri);
  await enter(page, device.user_code.toLowerCase().replace('-', ' '));
  await heading(page, 'Is this Postern command line on your device?');
  expect(await page.getByRole('main').innerText()).toContain(device.user_code);
  await page.getByRole('button', { name: 'Continue' }).click();
  await logIn(page);
  await heading(page, 'Allow Postern command line to send mail as you?');
  expect(await page.getByRole('main').innerText()).toContain(
    `the device that shows the code ${device.user_code}`,
  );
  expect(await outcome()).toMatchObject({ error: 'authorization_pending' });
  await page.getByRole('button', { name: 'Allow' }).click();
  await heading(page, 'The device is connected');
  const tokens = await outcome();
  expect(await site.door.verifier.verify(tokens['access_token'] ?? '')).toMatchObject({
    addresses: ['alice@example.org'],
    scopes: [MAIL],
  });
  expect(tokens['refresh_token']).toBeTypeOf('string');
  expect(complaints).toEqual([]);
});

test('it goes without JavaScript, and with the link that holds the code', async () => {
  const page = await newPage({ javaScriptEnabled: false });
  await page.goto(device.verification_uri_complete);
  expect(await page.getByLabel('Code that the device shows').inputValue()).toBe(device.user_code);
  await page.getByRole('button', { name: 'Continue' }).click();
  await heading(page, 'Is this Postern command line on your device?');
  await page.getByRole('button', { name: 'Continue' }).click();
  await logIn(page, 'bob');
  await page.getByRole('button', { name: 'Allow' }).click();
  await heading(page, 'The device is connected');
  expect(await outcome()).toHaveProperty('access_token');
});

test('it goes without a mouse, from the code to the end', async () => {
  const page = await newPage();
  await page.goto(device.verification_uri);
  await page.locator('[name=user_code]:focus').waitFor();
  await page.keyboard.type(device.user_code);
  await page.keyboard.press('Enter');
  await heading(page, 'Is this Postern command line on your device?');
  await page.waitForLoadState('load');
  const stops: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    await page.keyboard.press('Tab');
    stops.push(await page.evaluate('document.activeElement.textContent'));
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
    expect(outline, `the focus on ${stops.at(-1)} is to be seen`).toBe('solid');
  }
  expect(stops).toEqual(['Postern', 'Continue', 'Refuse']);
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await page.locator('[name=login]:focus').waitFor();
  await page.keyboard.type('alice');
  await page.keyboard.press('Tab');
  await page.keyboard.type('demo');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Allow' }).press('Enter');
  await heading(page, 'The device is connected');
  expect(complaints).toEqual([]);
});

test('a mistyped code is told beside the field, and can be put right there', async () => {
  const page = await newPage();
  await page.goto(device.verification_uri);
  await enter(page, 'BCDF-BCDF');
  await page.getByRole('alert').waitFor();
  const field = page.getByLabel('Code that the device shows');
  await page.locator('[name=user_code]:focus').waitFor();
  expect(await field.getAttribute('aria-invalid')).toBe('true');
  await enter(page, device.user_code);
  await heading(page, 'Is this Postern command line on your device?');
});

test('after five wrong codes there is a page that says to wait', async () => {
  const page = await newPage();
  await page.goto(device.verification_uri);
  for (let count = 0; count < 5; count += 1) await enter(page, 'BCDF-BCDF');
  await enter(page, device.user_code);
  await heading(page, 'Too many codes were tried');
});

test('Refuse ends it, and the code with it', async () => {
  const page = await newPage();
  await page.goto(device.verification_uri_complete);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: 'Refuse' }).click();
  await heading(page, 'You did not allow it');
  expect(await outcome()).toMatchObject({ error: 'access_denied' });
  await page.goto(device.verification_uri_complete);
  await page.getByRole('button', { name: 'Continue' }).click();
  await heading(page, 'This code was entered already');
  expect(complaints).toEqual([]);
});

test('Deny at the consent and Cancel at the identity provider end it as well', async () => {
  const page = await newPage();
  await page.goto(device.verification_uri_complete);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  await logIn(page);
  await page.getByRole('button', { name: 'Deny' }).click();
  await heading(page, 'You did not allow it');
  expect(await outcome()).toMatchObject({ error: 'access_denied' });

  device = await askForCode(caller());
  const other = await newPage();
  await other.goto(device.verification_uri_complete);
  await other.getByRole('button', { name: 'Continue' }).click();
  await other.getByRole('button', { name: 'Continue' }).click();
  await other.getByRole('button', { name: 'Cancel' }).click();
  await heading(other, 'You did not allow it');
  expect(await outcome()).toMatchObject({ error: 'access_denied' });
  expect(complaints).toEqual([]);
});

test('it goes on a phone: nothing runs off the screen, and what is to be hit can be', async () => {
  const page = await newPage({ viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true });
  const fits = async (...names: string[]) => {
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    for (const name of names) {
      const box = await page.getByRole('button', { name }).boundingBox();
      expect(box?.height).toBeGreaterThanOrEqual(44);
      expect(box?.width).toBeGreaterThan(200);
    }
  };
  await page.goto(device.verification_uri);
  await fits('Continue');
  await page.getByLabel('Code that the device shows').fill(device.user_code);
  await page.getByRole('button', { name: 'Continue' }).tap();
  await heading(page, 'Is this Postern command line on your device?');
  await fits('Continue', 'Refuse');
});

test('the pages tell a screen reader what they show', async () => {
  const page = await newPage();
  await page.goto(device.verification_uri);
  expect((await page.getByRole('main').ariaSnapshot()).replace(' [active]', '')).toBe(
    [
      '- main:',
      '  - heading "Connect a device" [level=1]',
      '  - paragraph: A program that cannot open a browser shows a code of eight letters. Enter it here to go on.',
      '  - text: Code that the device shows',
      '  - textbox "Code that the device shows"',
      '  - paragraph:',
      '    - text: Like',
      '    - code: BCDF-GHJK',
      '    - text: . Small letters will do, and the dash may be left out.',
      '  - paragraph:',
      '    - button "Continue"',
      '  - paragraph: "Did somebody send you a code or a link to this page? Then close it: whoever asks so wants to send mail in your name."',
    ].join('\n'),
  );
  await enter(page, device.user_code);
  await heading(page, 'Is this Postern command line on your device?');
  const snapshot = await page.getByRole('main').ariaSnapshot();
  expect(snapshot).toContain(`  - strong: ${device.user_code}`);
  expect(snapshot).toContain('- term: Asked from');
  expect(snapshot).toContain('- list "It will be able to":');
  expect(await page.title()).toBe('Connect Postern command line? – Postern');
});

test('a page of another site can neither show these pages in a frame nor send their form', async () => {
  const page = await newPage();
  await page.goto(device.verification_uri_complete);
  await page.goto(site.identityProvider);
  await page.setContent('<p>elsewhere</p>');
  await page.evaluate(
    `document.body.append(Object.assign(document.createElement('iframe'), { src: '${device.verification_uri_complete}' }))`,
  );
  await expect.poll(() => complaints.join('\n')).toMatch(/frame/i);
  const frame = page.frames().find((candidate) => candidate !== page.mainFrame());
  expect(await frame?.locator('button').count()).toBe(0);
  await page.setContent(
    `<form method="post" action="${device.verification_uri}"><input name="user_code" value="${device.user_code}"><button name="confirm" value="yes">Win</button></form>`,
  );
  await page.getByRole('button', { name: 'Win' }).click();
  await heading(page, 'This answer did not come from our page');
  expect(await outcome()).toMatchObject({ error: 'authorization_pending' });
});
