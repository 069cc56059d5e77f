// RFC 8628 §5 (security considerations), RFC 9700 §4.16 (clickjacking), against the whole server: codes are guessed, a person far
// away is talked into entering one, a step is handed on to somebody else, a stranger's program takes a trusted name.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { formOf } from '../support/authorization-browser.ts';
import {
  askForCode,
  confirm,
  DEVICE_GRANT,
  enterCode,
  follow,
  poll,
} from '../support/authorization-device.ts';
import {
  comeBack,
  MAIL,
  obtainTokens,
  openTestDoor,
  type TestDoor,
} from '../support/authorization-server.ts';
import { registerClient } from '../support/open-client.ts';

let door: TestDoor;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  door = await openTestDoor({ reverseProxy: { from: ['127.0.0.1'] } });
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

const words = (html: string) =>
  (/<main>(.*)<\/main>/s.exec(html)?.[1] ?? '').replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
const stateOf = async (device: { device_code: string }) => (await poll(door, device)).json['error'];

/** Asks for a code from somewhere, as a program of somebody else's. */
async function askFrom(address: string, clientId = 'postern-cli') {
  const { text } = await door.transport({
    method: 'POST',
    url: new URL('/device/auth', door.issuer),
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': address },
    body: new URLSearchParams({ client_id: clientId, scope: `${MAIL} offline_access` }).toString(),
  });
  return JSON.parse(text) as Awaited<ReturnType<typeof askForCode>>;
}

test('§5.1 guessing user codes: over a whole lifetime one network gets fifty tries of 20^8', async () => {
  const victim = await askForCode(door);
  const letters = 'BCDFGHJKLMNPQRSTVWXZ';
  let looked = 0;
  for (let round = 0; round < 90; round += 1) {
    // Ten seconds apart, each time in a new browser, each time another code.
    const browser = door.newBrowser();
    const guess = `BBBB-BB${letters[round % 20]}${letters[Math.floor(round / 20)]}`;
    const page = await enterCode(browser, door.issuer, guess);
    looked += page.status === 429 ? 0 : 1;
    vi.setSystemTime(Date.now() + 10_000);
  }
  expect(looked).toBeLessThanOrEqual(20 + 30);
  expect(looked).toBeGreaterThan(20);
  expect(50 / 20 ** 8).toBeLessThan(1e-8);
  expect(door.eventsNamed('deviceCodesLimited').length).toBe(90 - looked);
  expect(await stateOf(victim)).toBe('expired_token');
});

test('§5.1 user codes are drawn anew each time, from all letters at all places', async () => {
  const codes: string[] = [];
  for (let network = 0; network < 3; network += 1) {
    for (let count = 0; count < 250; count += 1) codes.push((await askFrom(`192.0.2.${network}`)).user_code);
  }
  expect(new Set(codes).size).toBe(codes.length);
  for (const place of [0, 1, 2, 3, 5, 6, 7, 8]) {
    expect(new Set(codes.map((code) => code[place])).size).toBe(20);
  }
});

test('§5.2 guessing device codes: 256 bits, and the answer does not tell a foreign one from none', async () => {
  const printer = await registerClient(door, {
    redirect_uris: [],
    response_types: [],
    grant_types: [DEVICE_GRANT],
  });
  const foreign = await askFrom('192.0.2.1', printer);
  expect(foreign.device_code).toMatch(/^[\w-]{43}$/);
  const none = { device_code: 'A'.repeat(43) };
  expect((await poll(door, none)).json).toEqual((await poll(door, foreign)).json);
  expect((await poll(door, none)).json['error']).toBe('invalid_grant');
});

test('§5.4 remote phishing: a link alone does nothing, even where the victim is signed in and has allowed the program', async () => {
  const victim = door.newBrowser();
  await obtainTokens(door, victim);
  const attacker = await askFrom('203.0.113.66');
  const page = await victim.go(attacker.verification_uri_complete);
  expect(words(page.text)).toContain('Did somebody send you a code or a link to this page? Then close it');
  expect(page.headers.get('refresh')).toBeNull();
  const asked = await victim.press(page, 'user_code', attacker.user_code);
  expect(words(asked.text)).toContain('Asked from 203.0.113.66 : not the network of this browser');
  expect(words(asked.text)).toContain('Go on only if you started this yourself just now');
  const consent = await confirm(victim, asked);
  expect(words(consent.text)).toContain(
    `the device that shows the code ${attacker.user_code} ; it asked from 203.0.113.66`,
  );
  expect(await stateOf(attacker)).toBe('authorization_pending');
  await victim.press(consent, 'answer', 'deny');
  expect(door.eventsNamed('consentDenied')).toMatchObject([{ requestedFrom: '203.0.113.66' }]);
});

test.each([
  ['a web page', 'https://evil.example'],
  ['a page in a sandboxed frame', 'null'],
])('§5.4 %s in the victim’s browser gets no code from the victim’s own network', async (_what, origin) => {
  const { status, headers, text } = await door.transport({
    method: 'POST',
    url: new URL('/device/auth', door.issuer),
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin },
    body: new URLSearchParams({ client_id: 'postern-cli', scope: MAIL }).toString(),
  });
  expect({ status, json: JSON.parse(text) }).toMatchObject({
    status: 400,
    json: { error: 'invalid_request' },
  });
  expect(headers.get('access-control-allow-origin')).toBeNull();
  expect(door.artifacts.count('DeviceCode')).toBe(0);
});

test('§5.4 a stranger’s program cannot pass as another: the page says that nobody has checked it', async () => {
  const stranger = await registerClient(door, {
    client_name: 'Mail Program',
    redirect_uris: [],
    response_types: [],
    grant_types: [DEVICE_GRANT],
  });
  const device = await askFrom('203.0.113.66', stranger);
  const page = await enterCode(door.newBrowser(), door.issuer, device.user_code);
  expect(words(page.text)).toContain('a program that calls itself “ Mail Program ”');
  expect(words(page.text)).toContain('not verified');
  expect(page.text).toContain('<title>Connect an unverified program? – Postern</title>');
});

test('§5.4 what an attacker has begun in a browser of their own cannot be finished by a victim', async () => {
  const attacker = door.newBrowser();
  const victim = door.newBrowser();
  await obtainTokens(door, victim);
  const device = await askFrom('203.0.113.66');
  const entered = await enterCode(attacker, door.issuer, device.user_code);
  const next = await attacker.press(entered, 'confirm', 'yes');
  const path = /url=(.+)$/.exec(next.headers.get('refresh') ?? '')?.[1] ?? '';
  for (const url of [path, path.replace('/interaction/', '/device/')]) {
    const led = await victim.go(new URL(url, door.issuer), { 'sec-fetch-site': 'cross-site' });
    expect([led.status, words(led.text).includes('This sign-in is over')]).toEqual([400, true]);
  }
  // Nor can the form of the attacker's page be sent from the victim's browser.
  const { fields } = formOf(entered.text);
  const sent = await victim.submit(
    `${door.issuer}/device`,
    { ...fields, confirm: 'yes' },
    { 'sec-fetch-site': 'same-origin' },
  );
  expect(sent.status).toBe(400);
  expect((await follow(attacker, next)).url.origin).not.toBe(door.issuer);
  expect(await stateOf(device)).toBe('authorization_pending');
});

test('§5.4 an allowed code was allowed by one person: nobody else can put themselves in their place', async () => {
  const device = await askForCode(door);
  const alice = door.newBrowser();
  const mallory = door.newBrowser();
  const [forAlice, forMallory] = [
    await enterCode(alice, door.issuer, device.user_code),
    await enterCode(mallory, door.issuer, device.user_code),
  ];
  const consent = await comeBack(alice, await confirm(alice, forAlice));
  const late = await mallory.press(forMallory, 'confirm', 'yes');
  expect([late.status, words(late.text).includes('entered already')]).toEqual([400, true]);
  await alice.press(consent, 'answer', 'allow');
  const { json } = await poll(door, device);
  expect(await door.verifier.verify(String(json['access_token']))).toMatchObject({
    addresses: ['alice@example.org'],
  });
});

test('RFC 9700 §4.16 clickjacking: no page of it can be framed, whatever it says', async () => {
  const device = await askForCode(door);
  const browser = door.newBrowser();
  const entry = await browser.go(device.verification_uri);
  const wrong = await browser.press(entry, 'user_code', 'BBBB-BBBB');
  const asked = await browser.press(wrong, 'user_code', device.user_code);
  const refused = await browser.press(asked, 'abort', 'yes');
  const dead = await enterCode(browser, door.issuer, device.user_code);
  for (const page of [entry, wrong, asked, refused, dead]) {
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(page.headers.get('x-frame-options')).toBe('DENY');
  }
});
