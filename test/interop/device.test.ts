// The device grant as a person at a terminal meets it: `postern token --device` in tmux, the code typed into a real Chromium,
// and a mail sent with the token that appears.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchChromium } from '../support/authorization-chromium.ts';
import { curl } from './clients/curl.ts';
import { DEMO, type Demo, startDemo } from './demo.ts';
import { composeLetter } from './letter.ts';
import { readPage } from './page.ts';
import { credentialFile } from './sign-in.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { until } from './until.ts';

/** As docs/clients.md has it. */
const [STEP] = readPage(new URL('../../docs/clients.md', import.meta.url)).get('Without a browser') ?? [];
const COMMAND = STEP?.text.trim() ?? '';

let chromium: Browser;
let demo: Demo;
let terminal: Terminal;
let page: Page;

beforeAll(async () => {
  demo = await startDemo();
  chromium = await launchChromium();
});
afterAll(async () => {
  await chromium?.close();
  await demo?.close();
});
beforeEach(async () => {
  terminal = await openTerminal({ folder: demo.folder, environment: demo.environment });
  page = await (await chromium.newContext()).newPage();
});
afterEach(async () => {
  await page.context().close();
  await terminal.close();
});

/** Reads address and code off the terminal and goes there, up to the page that asks whether they are the same. */
async function enterCode(): Promise<string> {
  const address = await terminal.read(/any device:\n\n +(http\S+)\n/, 'the address');
  const code = await terminal.read(/enter the code:\n\n +(\S+)\n/, 'the code');
  await page.goto(address);
  await page.getByLabel('Code that the device shows').fill(code.toLowerCase());
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText(code).waitFor();
  return code;
}

async function signIn(): Promise<void> {
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByLabel('Login').fill('alice');
  await page.getByLabel('Password').fill('demo');
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('Ctrl-C gives up: the shell is back at once, and nothing is left behind', async () => {
  await terminal.type(COMMAND);
  await terminal.read(/Ctrl-C gives up\./, 'the wait');
  await terminal.press('C-c');
  await terminal.read(/^ready=130>/m, 'the shell again');
  expect(await terminal.screen()).not.toMatch(/Error| at .*\.ts:/);
  const folder = dirname(credentialFile(demo.folder));
  expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
});

test('who refuses in the browser reads so in the terminal', async () => {
  await terminal.type(COMMAND);
  const code = await enterCode();
  await page.getByRole('button', { name: 'Refuse' }).click();
  await page.getByRole('heading', { name: 'You did not allow it' }).waitFor();
  await terminal.read(
    /^postern: you did not allow it; nothing was changed\n(?:.*\n)*ready=1>/m,
    'the refusal',
  );
  expect(existsSync(credentialFile(demo.folder))).toBe(false);
  const refused = await demo.journal.find((line) => line.event === 'deviceGrantRefused', 'the refusal');
  expect(refused).toMatchObject({ client: 'postern-cli', requestedFrom: '127.0.0.1' });
  expect(demo.journal.leaks([code])).toEqual([]);
});

test('the code of the terminal, typed into the browser, becomes a token there, and a mail', async () => {
  await terminal.type(COMMAND);
  await enterCode();
  await signIn();
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.getByRole('heading', { name: 'The device is connected' }).waitFor();

  const token = await terminal.read(/^(eyJ[\w-]+\.[\w-]+\.[\w-]+)$/m, 'the token');
  await terminal.read(/^ready=0>/m, 'the end');
  expect(await terminal.screen()).toContain('Signed in as alice@example.org.');
  const file = credentialFile(demo.folder);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(file, 'utf8')).signIns).toMatchObject([
    { clientId: 'postern-cli', accessToken: token, address: 'alice@example.org' },
  ]);

  const letter = composeLetter({ from: 'alice@example.org', to: ['bob@example.org'] });
  const { delivered, told } = await curl.submit({
    port: DEMO.starttls,
    tls: 'starttls',
    mechanism: 'OAUTHBEARER',
    ca: demo.ca,
    user: 'alice@example.org',
    token,
    mailFrom: 'alice@example.org',
    recipients: ['bob@example.org'],
    letter,
    folder: demo.folder,
  });
  expect(delivered, told).toBe(true);
  await until(() => demo.inbox().some((content) => content.includes(letter.mark)), 'the letter');
  const issued = await demo.journal.find(
    (line) => line.event === 'tokenIssued' && line['user'] === 'alice@example.org',
    'the token',
  );
  expect(issued['grantType']).toBe('urn:ietf:params:oauth:grant-type:device_code');
  expect(demo.journal.leaks([token])).toEqual([]);

  // From now on as after any sign-in, without a browser.
  await terminal.type('clear; postern token | wc -l');
  await terminal.read(/^1\n/m, 'one line');
  await terminal.type('clear; echo Hello | postern send --to bob@example.org --subject "From the terminal"');
  await until(
    () => demo.inbox().some((content) => content.includes('Subject: From the terminal')),
    'the letter of postern send',
  );
});
