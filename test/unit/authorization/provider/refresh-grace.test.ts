import { beforeEach, expect, test } from 'vitest';
import { createRefreshGrace } from '../../../../src/authorization/provider/refresh-grace.ts';
import { type MemoryArtifacts, memoryArtifacts } from '../../../support/authorization-stores.ts';

const NOW = 1_793_491_200;
const ROW = { payload: '{}', grantId: 'g', userCode: undefined, expiresAt: NOW + 1_000 };
let artifacts: MemoryArtifacts;

const grace = () => createRefreshGrace({ artifacts, grace: 10_000, now: () => (NOW + 5) * 1000 });
const answer = (id: string) => artifacts.put('RefreshToken', id, { ...ROW, uid: 'used' });

beforeEach(async () => {
  artifacts = memoryArtifacts();
  await artifacts.put('RefreshToken', 'used', { ...ROW, uid: undefined });
  await artifacts.consume('RefreshToken', 'used', NOW);
});

test('repeats at once are counted before their answers are in the store', async () => {
  const { repeat } = grace();
  const repeats = await Promise.all(Array.from({ length: 50 }, () => repeat('used')));
  expect(repeats.filter(Boolean)).toHaveLength(5);
});

test('another process counts the answers in the store', async () => {
  for (let count = 1; count <= 5; count += 1) await answer(`answer-${count}`);
  expect(await grace().repeat('used')).toBe(true);
  await answer('answer-6');
  expect(await grace().covers('used')).toBe(false);
  expect(await grace().repeat('used')).toBe(false);
});

test('covers nothing that is unknown or was not used', async () => {
  await answer('answer-1');
  expect(await grace().covers('used')).toBe(true);
  expect(await grace().covers('answer-1')).toBe(false);
  expect(await grace().covers('nothing')).toBe(false);
});

test('a used rival is found among however many', async () => {
  for (let count = 100; count < 200; count += 1) await answer(`answer-${count}`);
  const hasUsedRival = () => grace().hasUsedRival('answer-100', { uid: 'used' });
  expect(await hasUsedRival()).toBe(false);
  await artifacts.consume('RefreshToken', 'answer-100', NOW);
  expect(await hasUsedRival()).toBe(false);
  await artifacts.consume('RefreshToken', 'answer-199', NOW);
  expect(await hasUsedRival()).toBe(true);
  // From before there were marks, or the first of its grant.
  expect(await grace().hasUsedRival('answer-100', { uid: undefined })).toBe(false);
});
