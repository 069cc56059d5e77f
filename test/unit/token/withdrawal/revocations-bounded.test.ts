// A flood of revocations: held while a token could live, gone after, in memory and in the store.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore } from '../../../../src/store/open.ts';
import type { Revocation, RevocationStore } from '../../../../src/token/withdrawal/revocation-store.ts';
import { openRevocations } from '../../../../src/token/withdrawal/revocations.ts';
import { memoryInUse } from '../../../support/memory-in-use.ts';
import { TEST_TIME, testClock } from '../../../support/tokens.ts';

const MILLION = 1_000_000;
const LIFETIME = 900;
const ofToken = (number: number, now: number): Revocation => ({
  kind: 'token',
  id: `token-${number}`,
  expiresAt: Math.floor(now / 1000) + LIFETIME,
});

/** Keeps nothing: what is counted here is the memory of the process. */
const forgetful: RevocationStore = {
  add: async () => undefined,
  listLive: async () => [],
  removeExpired: async () => 0,
};

test('a million in memory are gone when the last token has expired', async () => {
  const clock = testClock();
  const revocations = await openRevocations({ store: forgetful, now: clock.now });
  const before = heap();
  for (let number = 0; number < MILLION; number += 1) await revocations.revoke(ofToken(number, TEST_TIME));
  expect(heap() - before).toBeLessThan(400);
  // Past the life of the tokens and the largest leeway.
  clock.advance((LIFETIME + 3600) * 1000);
  await revocations.tick();
  expect(heap() - before).toBeLessThan(20);
  revocations.close();
}, 240_000);

test('those of the store are gone, and it does not grow when as many come again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-revocations-'));
  const store = await openStore({ settings: { sqlite: join(folder, 'store.sqlite') } });
  try {
    const clock = testClock();
    const revocations = await openRevocations({ store: store.revocations, now: clock.now });
    for (let round = 0; round < 3; round += 1) {
      for (let number = 0; number < 500; number += 1)
        await revocations.revoke(ofToken(number + round * 500, clock.now()));
      expect((await store.revocations.listLive(0, 0)).length).toBe(500);
      clock.advance((LIFETIME + 3600) * 1000);
      await revocations.tick();
      expect(await store.revocations.listLive(0, 0)).toEqual([]);
    }
    revocations.close();
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
}, 240_000);

/** Megabytes. */
const heap = (): number => memoryInUse() / 1024 / 1024;
