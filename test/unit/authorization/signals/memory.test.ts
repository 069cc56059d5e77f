import { expect, test } from 'vitest';
import { createSignalMemory } from '../../../../src/authorization/signals/memory.ts';
import { memoryArtifacts } from '../../../support/authorization-stores.ts';
import { testClock } from '../../../support/tokens.ts';

const clock = testClock();
const event = { issuer: 'https://idp.example.org', tokenId: 'a', keepUntil: clock.now() / 1000 + 60 };

test('an event is acted on once, one after the other or at once, also by the next process', async () => {
  const artifacts = memoryArtifacts();
  let acts = 0;
  const act = async () => {
    acts += 1;
    return 'done';
  };
  const memory = createSignalMemory({ artifacts, now: clock.now });
  expect(await Promise.all([memory.once(event, act), memory.once(event, act)])).toEqual(['done', 'repeated']);
  expect(await memory.once(event, act)).toBe('repeated');
  expect(await createSignalMemory({ artifacts, now: clock.now }).once(event, act)).toBe('repeated');
  expect(acts).toBe(1);
});

test('the same jti of another issuer is another event', async () => {
  const memory = createSignalMemory({ artifacts: memoryArtifacts(), now: clock.now });
  await memory.once(event, async () => 'done');
  expect(await memory.once({ ...event, issuer: 'https://other.example' }, async () => 'done')).toBe('done');
});

test('an act that failed is no act', async () => {
  const memory = createSignalMemory({ artifacts: memoryArtifacts(), now: clock.now });
  await expect(memory.once(event, () => Promise.reject(new Error('store')))).rejects.toThrow('store');
  expect(await memory.once(event, async () => 'done')).toBe('done');
});

test('what would not be believed any more is forgotten: the memory stays bounded', async () => {
  const artifacts = memoryArtifacts();
  const memory = createSignalMemory({ artifacts, now: clock.now });
  for (let index = 0; index < 100; index += 1) {
    await memory.once({ ...event, tokenId: `id-${index}` }, async () => 'done');
  }
  expect(artifacts.count('Signal')).toBe(100);
  await artifacts.removeExpired(event.keepUntil);
  expect(artifacts.count('Signal')).toBe(0);
});
