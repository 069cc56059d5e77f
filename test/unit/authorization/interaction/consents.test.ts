import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  type ConsentMemory,
  consentItems,
  createConsentMemory,
} from '../../../../src/authorization/interaction/consents.ts';
import { memoryArtifacts } from '../../../support/authorization-stores.ts';

const DAY = 86_400_000;
let consents: ConsentMemory;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00Z') });
  consents = createConsentMemory({ artifacts: memoryArtifacts(), lifetime: 30 * DAY });
});
afterEach(() => vi.useRealTimers());

const items = consentItems({
  scopes: ['mail', 'offline_access'],
  addresses: ['a@example.org'],
  target: 'loopback',
});

test('what was allowed holds until its time is over', async () => {
  const until = await consents.remember('alice', 'one', items);
  expect(until).toBe((Date.now() + 30 * DAY) / 1000);
  expect(await consents.recall('alice', 'one', items)).toBe(until);
  vi.setSystemTime(Date.now() + 30 * DAY - 1000);
  expect(await consents.recall('alice', 'one', items)).toBe(until);
  vi.setSystemTime(Date.now() + 1000);
  expect(await consents.recall('alice', 'one', items)).toBeUndefined();
});

test('it holds for that person, that program, and no more than was said', async () => {
  await consents.remember('alice', 'one', items);
  expect(await consents.recall('bob', 'one', items)).toBeUndefined();
  expect(await consents.recall('alice', 'two', items)).toBeUndefined();
  expect(await consents.recall('alice', 'one', items.slice(1))).toBeDefined();
  for (const more of ['scope email', 'address ceo@example.org', 'target org.example:'] as const) {
    expect(await consents.recall('alice', 'one', [...items, more])).toBeUndefined();
  }
});

test('a later consent adds to it, and does not lengthen the earlier one', async () => {
  const first = await consents.remember('alice', 'one', items);
  vi.setSystemTime(Date.now() + 10 * DAY);
  const second = await consents.remember('alice', 'one', ['scope email']);
  expect(await consents.recall('alice', 'one', ['scope email'])).toBe(second);
  expect(await consents.recall('alice', 'one', [...items, 'scope email'])).toBe(first);
  vi.setSystemTime(first * 1000);
  expect(await consents.recall('alice', 'one', items)).toBeUndefined();
  expect(await consents.recall('alice', 'one', ['scope email'])).toBe(second);
});

test('what is forgotten must be asked again', async () => {
  await consents.remember('alice', 'one', items);
  await consents.forget('alice', 'one');
  expect(await consents.recall('alice', 'one', items)).toBeUndefined();
});
