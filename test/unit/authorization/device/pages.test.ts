// What a person sees who comes with a code, and who else tries to make them go on (RFC 8628 §3.3, §5.4).

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { formOf } from '../../../support/authorization-browser.ts';
import { askForCode, confirm, enterCode, poll } from '../../../support/authorization-device.ts';
import { IDENTITY_PROVIDER } from '../../../support/authorization-identity-provider.ts';
import { APP, MAIL, openTestDoor, type TestDoor } from '../../../support/authorization-server.ts';

let door: TestDoor;
beforeEach(async () => {
  door = await openTestDoor();
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

const words = (html: string) =>
  (/<main>(.*)<\/main>/s.exec(html)?.[1] ?? '').replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
const stateOf = async (device: { device_code: string }) => (await poll(door, device)).json['error'];

test('the page asks for the code by a label, and the confirmation says what it stands for', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-22T08:15:00Z') });
  const device = await askForCode(door, { scope: `openid email ${MAIL} offline_access` });
  vi.setSystemTime(Date.parse('2026-11-22T08:18:30Z'));
  const browser = door.newBrowser();
  const page = await browser.go(device.verification_uri);
  expect(page.text).toMatch(
    /<label for="code">[^<]+<\/label>\n<input type="text" id="code" name="user_code"/,
  );
  const asked = words((await browser.press(page, 'user_code', device.user_code)).text);
  expect(asked).toContain('Is this Postern command line on your device?');
  expect(asked).toContain(device.user_code);
  expect(asked).toContain('Postern command line ( postern-cli )');
  expect(asked).toContain('Asked from 127.0.0.1 , your network');
  expect(asked).toContain('Asked at 2026-11-22 08:15 UTC , 3 minutes ago');
  expect(asked).toContain(
    'Send mail as you Know who you are, and your address Keep this permission for up to 365 days without asking you again',
  );
});

test('a request from elsewhere is said to be from elsewhere', async () => {
  const proxied = await openTestDoor({ reverseProxy: { from: ['127.0.0.1'] } });
  const device = (
    await proxied.transport({
      method: 'POST',
      url: new URL('/device/auth', proxied.issuer),
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': '203.0.113.7' },
      body: `client_id=postern-cli&scope=${encodeURIComponent(MAIL)}`,
    })
  ).text;
  const { user_code: code } = JSON.parse(device);
  const page = await enterCode(proxied.newBrowser(), proxied.issuer, code);
  expect(words(page.text)).toContain('Asked from 203.0.113.7 : not the network of this browser');
  await proxied.close();
});

test.each(['lower case', 'without the dash', 'with other separators'])('a code is taken %s', async (how) => {
  const { user_code: code } = await askForCode(door);
  const typed =
    how === 'lower case' ? code.toLowerCase() : code.replace('-', how === 'without the dash' ? '' : ' – ');
  const page = await enterCode(door.newBrowser(), door.issuer, ` ${typed} `);
  expect(words(page.text)).toContain(code);
});

test('every page keeps to the policy: no script, no frame, and forms that lead to Postern alone', async () => {
  const device = await askForCode(door);
  const browser = door.newBrowser();
  const first = await browser.go(device.verification_uri_complete);
  const confirmation = await browser.press(first, 'user_code', device.user_code);
  const next = await browser.press(confirmation, 'confirm', 'yes');
  for (const page of [first, confirmation, next]) {
    expect(page.status).toBe(200);
    expect(page.text).not.toMatch(/<script|<style| style=| on\w+=/);
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.text).toContain('– Postern</title>');
  }
});

test('the link with the code fills it in, and neither goes on by itself nor says what it stands for', async () => {
  const device = await askForCode(door);
  const page = await door.newBrowser().go(device.verification_uri_complete);
  expect(page.text).toContain(`value="${device.user_code}"`);
  expect(page.text).not.toContain('Postern command line');
  expect(page.headers.get('refresh')).toBeNull();
  const lower = await door.newBrowser().go(device.verification_uri_complete.replace(/\w+-\w+$/, 'bcdf-ghjk'));
  expect(lower.text).toContain('value="BCDF-GHJK"');
  for (const text of ['"><b>x', 'AAAA-AAAA', 'Call+0800+1234', '']) {
    const odd = await door.newBrowser().go(`${door.issuer}/device?user_code=${encodeURIComponent(text)}`);
    expect([odd.status, /value="([^"]*)" required/.exec(odd.text)?.[1]]).toEqual([200, '']);
  }
  expect(
    (await door.newBrowser().go(`${door.issuer}/device?user_code=a&user_code=b&confirm=yes`)).status,
  ).toBe(200);
});

test('a wrong code is told beside the field, which keeps what was typed, as text', async () => {
  const page = await enterCode(door.newBrowser(), door.issuer, '<b>"BCDF');
  expect(page.status).toBe(400);
  expect(page.text).toContain('role="alert"');
  expect(page.text).toContain('aria-invalid="true"');
  expect(page.text).toContain('aria-describedby="problem form"');
  expect(page.text).toContain('value="&lt;b&gt;&quot;BCDF"');
});

test('after the confirmation the browser goes on to the identity provider', async () => {
  const device = await askForCode(door);
  const browser = door.newBrowser();
  const sent = await confirm(browser, await enterCode(browser, door.issuer, device.user_code));
  expect(sent.url.origin).toBe(IDENTITY_PROVIDER);
});

test('a browser that takes no cookies is told so', async () => {
  const answer = await door
    .newBrowser()
    .submit(`${door.issuer}/device`, { user_code: 'BCDF-GHJK' }, { 'sec-fetch-site': 'same-origin' });
  expect([answer.status, words(answer.text).includes('must accept cookies')]).toEqual([400, true]);
  expect(door.artifacts.count('Session')).toBe(0);
});

test('who did not come from our form confirms nothing', async () => {
  const device = await askForCode(door);
  const fields = { user_code: device.user_code, confirm: 'yes' };
  const url = `${door.issuer}/device`;
  const own = { origin: 'null', 'sec-fetch-site': 'same-origin' };
  const browser = door.newBrowser();
  const { xsrf = '' } = formOf((await browser.go(url)).text).fields;
  const elsewhere = formOf((await door.newBrowser().go(url)).text).fields['xsrf'] ?? '';
  // Another site's form, even one that has found the secret out.
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
  ]) {
    expect((await browser.submit(url, { ...fields, xsrf }, headers)).status).toBe(403);
  }
  // No secret, a wrong one, one of another browser; and a browser without a session.
  for (const secret of [{}, { xsrf: 'x'.repeat(48) }, { xsrf: elsewhere }]) {
    const answer = await browser.submit(url, { ...fields, ...secret }, own);
    expect([answer.status, words(answer.text).includes('Is this')]).toEqual([400, false]);
  }
  expect((await door.newBrowser().submit(url, { ...fields, xsrf }, own)).status).toBe(400);
  expect((await browser.go(`${url}?${new URLSearchParams({ ...fields, xsrf })}`)).text).toContain(
    'id="code"',
  );
  expect(await stateOf(device)).toBe('authorization_pending');
  expect(door.artifacts.count('Interaction')).toBe(0);
});

test('the form’s secret is good for one answer', async () => {
  const [first, second] = [await askForCode(door), await askForCode(door)];
  const browser = door.newBrowser();
  const page = await enterCode(browser, door.issuer, first.user_code);
  const { action, fields } = formOf(page.text);
  await browser.press(page, 'confirm', 'yes');
  const own = { origin: 'null', 'sec-fetch-site': 'same-origin' };
  const again = await browser.submit(
    new URL(action, page.url),
    { ...fields, user_code: second.user_code, confirm: 'yes' },
    own,
  );
  expect([again.status, words(again.text).includes('waited too long')]).toEqual([400, true]);
  expect(await stateOf(second)).toBe('authorization_pending');
});

test('a step that another browser has begun cannot be taken over', async () => {
  const device = await askForCode(door);
  const browser = door.newBrowser();
  const page = await enterCode(browser, door.issuer, device.user_code);
  const next = await browser.press(page, 'confirm', 'yes');
  const path = /url=(.+)$/.exec(next.headers.get('refresh') ?? '')?.[1] ?? '';
  const uid = path.split('/').at(-1);
  for (const url of [path, `/device/${uid}`]) {
    const taken = await door.newBrowser().go(new URL(url, door.issuer));
    expect([taken.status, words(taken.text).includes('This sign-in is over')]).toEqual([400, true]);
  }
});

test('a page that nobody signs in at leaves a session behind for half an hour at most', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  await door.newBrowser().go(`${door.issuer}/device`);
  expect(door.artifacts.count('Session')).toBe(1);
  vi.setSystemTime(Date.now() + 1_801_000);
  await door.artifacts.removeExpired(Math.floor(Date.now() / 1000));
  expect(door.artifacts.count('Session')).toBe(0);
});

test('a fault of ours is a page with a reference, and the program is told once', async () => {
  const device = await askForCode(door);
  const find = door.artifacts.findByUserCode;
  door.artifacts.findByUserCode = () => Promise.reject(new Error('the store is gone'));
  const page = await enterCode(door.newBrowser(), door.issuer, device.user_code);
  door.artifacts.findByUserCode = find;
  expect([page.status, words(page.text).includes('Something went wrong here')]).toEqual([500, true]);
  expect(page.text).not.toContain('the store is gone');
  expect(door.eventsNamed('fault')).toHaveLength(1);
  expect(await stateOf(device)).toBe('authorization_pending');
});

test('the endpoint for programs answers them, whatever they send', async () => {
  const { status, json } = await door.call('/device/auth', {});
  expect([status, json['error']]).toEqual([400, 'invalid_request']);
  const answer = await door.transport({
    method: 'GET',
    url: new URL('/device/auth', door.issuer),
    headers: { accept: 'text/html' },
  });
  expect(answer.status).toBe(400);
  expect((await door.call('/device/auth', { client_id: APP.clientId })).status).toBe(401);
});
