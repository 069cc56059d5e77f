// From a bare EHLO to a delivered mail, with a program that knows host, port and address only, and a person at a real Chromium.

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchChromium } from '../support/authorization-chromium.ts';
import { type DemoGateway, startDemoGateway } from '../support/demo-gateway.ts';
import { stranger } from '../support/stranger.ts';

let chromium: Browser;
let demo: DemoGateway;
let complaints: string[];

beforeAll(async () => {
  chromium = await launchChromium();
});
afterAll(() => chromium.close());
beforeEach(async () => {
  demo = await startDemoGateway();
  complaints = [];
});
afterEach(async () => {
  for (const context of chromium.contexts()) await context.close();
  await demo.stop();
});

async function newPage(): Promise<Page> {
  const page = await (await chromium.newContext()).newPage();
  // What a page tried against its Content-Security-Policy stands in the console.
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return page;
}

async function logIn(page: Page): Promise<void> {
  await page.getByLabel('Login').fill('alice');
  await page.getByLabel('Password').fill('demo');
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('alice lets a program that nobody knows send: EHLO, challenge, metadata, registration, consent, token, mail', async () => {
  const program = stranger({ ...demo.submission, address: 'alice@example.org', ca: demo.ca });
  const challenge = await program.discover();
  const metadata = await program.readMetadata(challenge);
  const clientId = await program.register(metadata);
  const page = await newPage();
  const tokens = await program.authorize({ metadata, clientId, scope: challenge.scope }, async (url) => {
    await page.goto(url.href);
    expect(page.url()).toContain(demo.identityProvider);
    await logIn(page);
    const heading = 'Allow a program that calls itself “Stranger Mail” to send mail as you?';
    await page.getByRole('heading', { name: heading }).waitFor();
    const text = await page.getByRole('main').innerText();
    expect(text).toContain('not verified; it calls itself “Stranger Mail”');
    expect(text).toContain('Nobody here has checked this program');
    expect(text).toMatch(/a program on this computer \(127\.0\.0\.1:\d+\)/);
    expect(await page.title()).toBe('Allow an unverified program? – Postern');
    await page.getByRole('button', { name: 'Allow' }).click();
  });
  await page.getByText('Back in the program').waitFor();
  const letter = { to: 'bob@example.org', text: 'hello from a stranger' };
  expect(await program.send(tokens.access_token, letter)).toMatch(/^250 /);
  const renewed = await program.renew(metadata, clientId, tokens);
  expect(await program.send(renewed.access_token, { ...letter, text: 'hello again' })).toMatch(/^250 /);
  expect(demo.inbox().map((text) => /^Subject: (.*)\r$/m.exec(text)?.[1])).toEqual([
    'hello from a stranger',
    'hello again',
  ]);
  expect(demo.inbox()[0]).toContain('X-Envelope-From: alice@example.org\r\n');
  // A program that is done has closed its port before the browser asks it for an icon.
  expect(complaints.join('\n')).not.toMatch(/Content Security Policy/i);
});

test('registering the same again, as after a new installation, does not ask alice again', async () => {
  const program = stranger({ ...demo.submission, address: 'alice@example.org', ca: demo.ca });
  const challenge = await program.discover();
  const metadata = await program.readMetadata(challenge);
  const page = await newPage();
  const way = async () => ({ metadata, clientId: await program.register(metadata), scope: challenge.scope });
  await program.authorize(await way(), async (url) => {
    await page.goto(url.href);
    await logIn(page);
    await page.getByRole('button', { name: 'Allow' }).click();
  });
  const tokens = await program.authorize(await way(), (url) => page.goto(url.href));
  expect(await program.send(tokens.access_token, { to: 'bob@example.org', text: 'once more' })).toMatch(
    /^250 /,
  );
});
