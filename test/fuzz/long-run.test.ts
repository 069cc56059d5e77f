// The long run in short: every committed seed as it is, every failure that was ever found, and a few thousand changed ones.

import { beforeAll, describe, expect, test } from 'vitest';
import { makeInput, randomFrom } from './long-run-mutation.ts';
import { loadFound, loadTargets, playFound, type Target } from './long-run-targets.ts';

const CHANGED = 600;
let targets: readonly Target[];
const names = ['session', 'header', 'sasl', 'proxy-header', 'upstream-reply'];
const targetOf = (name: string): Target => targets.find((target) => target.name === name) as Target;

beforeAll(async () => {
  targets = await loadTargets();
});

test('these are all targets', () => {
  expect(targets.map(({ name }) => name)).toEqual(names);
});

describe.each(names)('%s', (name) => {
  test('takes every seed as it is, in whatever pieces', async () => {
    const target = targetOf(name);
    for (const [index, seed] of target.seeds.entries())
      for (let round = 0; round < 5; round += 1)
        await playFound(targets, { target: name, seed: index * 5 + round, input: seed });
  });

  test(`takes ${CHANGED} changed ones`, async () => {
    const target = targetOf(name);
    for (let number = 0; number < CHANGED * target.share; number += 1) {
      const input = makeInput(randomFrom(number), target);
      await playFound(targets, { target: name, seed: number, input });
    }
  });
});

test('what failed once fails no more', async () => {
  for (const found of loadFound()) await playFound(targets, found);
});
