// Guessing the code that somebody else's device shows (RFC 8628 §5.1).

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDeviceAttempts } from '../../../../src/authorization/device/attempts.ts';
import { type Answer, type Browser, formOf } from '../../../support/authorization-browser.ts';
import { askForCode, enterCode, poll } from '../../../support/authorization-device.ts';
import { openTestDoor, type TestDoor } from '../../../support/authorization-server.ts';

let door: TestDoor;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  door = await openTestDoor({ reverseProxy: { from: ['127.0.0.1'] } });
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

const WRONG = 'BBBB-BBBB';

/** Enters a code from an address, in a browser that may be an old one. */
async function enterFrom(
  address: string,
  code: string,
  browser: Browser = door.newBrowser(),
): Promise<Answer> {
  const from = { 'x-forwarded-for': address };
  const page = await browser.go(`${door.issuer}/device`, from);
  const { fields } = formOf(page.text);
  return browser.submit(
    page.url,
    { ...fields, user_code: code },
    { ...from, 'sec-fetch-site': 'same-origin' },
  );
}

test('one browser may try five wrong codes; then not even the right one is taken, for a minute', async () => {
  const device = await askForCode(door);
  const browser = door.newBrowser();
  for (let count = 0; count < 5; count += 1) {
    expect((await enterFrom(`192.0.2.${count}`, WRONG, browser)).status).toBe(400);
  }
  const limited = await enterFrom('192.0.2.99', device.user_code, browser);
  expect(limited).toMatchObject({ status: 429, text: expect.stringContaining('Too many codes were tried') });
  expect(limited.headers.get('retry-after')).toBe('60');
  expect(limited.text).not.toContain('Postern command line');
  expect(door.eventsNamed('deviceCodesLimited')).toEqual([{ peer: '192.0.2.99' }]);
  vi.setSystemTime(Date.now() + 61_000);
  expect((await enterFrom('192.0.2.99', device.user_code, browser)).text).toContain(device.user_code);
});

test('one network may try twenty, in as many browsers as it likes; others are not concerned', async () => {
  const device = await askForCode(door);
  const statuses: number[] = [];
  for (let count = 0; count < 25; count += 1) {
    statuses.push((await enterFrom(`2001:db8:1:2::${count}`, WRONG)).status);
  }
  expect(statuses).toEqual([...Array(20).fill(400), ...Array(5).fill(429)]);
  expect((await enterFrom('2001:db8:1:2::ffff', device.user_code)).status).toBe(429);
  expect((await enterFrom('2001:db8:1:3::1', device.user_code)).status).toBe(200);
});

test('many tries at the same time are counted one by one', async () => {
  const looked = vi.spyOn(door.artifacts, 'findByUserCode');
  const browser = door.newBrowser();
  const from = { 'x-forwarded-for': '192.0.2.1', 'sec-fetch-site': 'same-origin' };
  const pages = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const own = door.newBrowser();
      const page = await own.go(`${door.issuer}/device`);
      return own.submit(page.url, { ...formOf(page.text).fields, user_code: WRONG }, from);
    }),
  );
  expect(pages.filter(({ status }) => status === 429)).toHaveLength(80);
  expect(looked.mock.calls.length).toBe(20);
  expect(browser.cookies()).toEqual([]);
});

test('right codes are no guesses, however many an office enters', async () => {
  const browser = door.newBrowser();
  for (let count = 0; count < 30; count += 1) {
    const device = await askForCode(door);
    expect((await enterFrom('192.0.2.1', device.user_code, browser)).status).toBe(200);
  }
  expect(door.eventsNamed('deviceCodesLimited')).toEqual([]);
});

test('a code that was used or has expired counts as a wrong one: it tells a guesser that it was right', async () => {
  const device = await askForCode(door);
  const browser = door.newBrowser();
  await browser.press(await enterCode(browser, door.issuer, device.user_code), 'abort', 'yes');
  await poll(door, device);
  const other = door.newBrowser();
  for (let count = 0; count < 5; count += 1) await enterFrom('192.0.2.1', device.user_code, other);
  expect((await enterFrom('192.0.2.1', device.user_code, other)).status).toBe(429);
});

test('what is counted comes back with time, and a right code gives back no more than its own', () => {
  let now = 0;
  const attempts = createDeviceAttempts(() => now);
  const wrong = () => attempts.begin({ address: '192.0.2.1', browser: undefined });
  const count = () => Array.from({ length: 100 }, wrong).filter((attempt) => attempt !== undefined).length;
  expect(count()).toBe(20);
  now += 30_000;
  wrong()?.wasRight();
  expect(count()).toBe(1);
  now += 3_600_000;
  expect(count()).toBe(20);
});
