import { afterEach, expect, test, vi } from 'vitest';
import { createFloodGate } from '../../../src/authorization/flood.ts';
import { authorizationUrl, newProof, openTestDoor } from '../../support/authorization-server.ts';

afterEach(() => vi.useRealTimers());

function admitted(gate: ReturnType<typeof createFloodGate>, address: string, tries: number): number {
  return Array.from({ length: tries }, () => gate.admits(address)).filter(Boolean).length;
}

test('one network may begin 300 at once, then five a second; others are not concerned', () => {
  let now = 1_000_000;
  const gate = createFloodGate(() => now);
  expect(admitted(gate, '192.0.2.1', 1000)).toBe(300);
  expect(admitted(gate, '192.0.2.2', 10)).toBe(10);
  now += 2000;
  expect(admitted(gate, '192.0.2.1', 1000)).toBe(10);
  now += 3_600_000;
  expect(admitted(gate, '192.0.2.1', 1000)).toBe(300);
});

test('an IPv6 network counts as one', () => {
  const gate = createFloodGate(() => 0);
  const admits = Array.from({ length: 400 }, (_, host) => gate.admits(`2001:db8:1:2::${host.toString(16)}`));
  expect(admits.filter(Boolean)).toHaveLength(300);
  expect(gate.admits('2001:db8:1:3::1')).toBe(true);
});

test('an IPv6 network counts as one also where its address is written with fewer groups', () => {
  const gate = createFloodGate(() => 0);
  const admits = Array.from({ length: 400 }, (_, host) =>
    gate.admits(`2001:db8::${(host + 1).toString(16)}`),
  );
  expect(admits.filter(Boolean)).toHaveLength(300);
  expect(gate.admits('2001:db8:0:1::1')).toBe(true);
});

test('an IPv6 site of 65,536 networks is worth sixteen of them, and a neighbour is not concerned', () => {
  let now = 1_000_000;
  const gate = createFloodGate(() => now, { burst: 20, refill: 30_000 });
  const from = (network: number) => gate.admits(`2001:db8:1:${network.toString(16)}::1`);
  const admits = Array.from({ length: 2000 }, (_, count) => from(count));
  expect(admits.filter(Boolean)).toHaveLength(16 * 20);
  expect(gate.admits('2001:db8:2::1')).toBe(true);
  gate.forgives('2001:db8:1:1::1');
  expect([from(3000), from(3001)]).toEqual([true, false]);
  now += 30_000;
  expect(Array.from({ length: 20 }, (_, count) => from(4000 + count)).filter(Boolean)).toHaveLength(16);
});

test('who has used up theirs is not forgotten, however many come after', () => {
  const gate = createFloodGate(() => 0);
  expect(admitted(gate, '192.0.2.1', 300)).toBe(300);
  for (let host = 0; host < 50_000; host += 1) gate.admits(`10.0.${host >> 8}.${host & 255}`);
  expect(gate.admits('192.0.2.1')).toBe(false);
});

test('one too many is a page that says to wait, and leaves nothing behind', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  const door = await openTestDoor();
  const url = authorizationUrl(door, newProof(), { prompt: 'none' });
  for (let count = 0; count < 300; count += 1) await door.transport({ method: 'GET', url, headers: {} });
  const kept = door.artifacts.count('Interaction');
  const page = await door.newBrowser().go(authorizationUrl(door, newProof()));
  expect(page).toMatchObject({ status: 429, text: expect.stringContaining('Wait a minute') });
  expect(page.headers.get('retry-after')).toBe('60');
  expect(door.artifacts.count('Interaction')).toBe(kept);
  await door.close();
});

test.each([
  ['a sign-out', '/session/end', 'Session'],
  ['an interaction that waits for the sign-in, opened again and again', '/interaction', 'SignIn'],
] as const)('%s leaves no rows without end', async (_what, path, model) => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  const door = await openTestDoor();
  const browser = door.newBrowser();
  await browser.go(authorizationUrl(door, newProof()));
  const begun = browser.cookies().find((cookie) => cookie.path.startsWith('/interaction/'))?.path;
  const url = new URL(path === '/interaction' ? String(begun) : path, door.issuer);
  const look = () => (path === '/interaction' ? browser.go(url) : door.newBrowser().go(url));
  let page = await look();
  for (let count = 0; count < 320; count += 1) page = await look();
  expect(page).toMatchObject({ status: 429, text: expect.stringContaining('Wait a minute') });
  expect(door.artifacts.count(model)).toBeLessThanOrEqual(301);
  expect(door.artifacts.count(model)).toBeGreaterThan(200);
  await door.close();
});
