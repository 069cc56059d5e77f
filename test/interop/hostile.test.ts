// What hostile clients cost a real Postern process and its well-behaved clients: the essentials of `npm run hostile`, with limits.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { laySiege, type Outcome, percentile, type Siege } from '../load/hostile-measure.ts';

const PER_SECOND = 20;
const MEGABYTE = 1e6;
/** What the largest crowd or the most endless client may add to resident memory. */
const MAY_GROW = 150 * MEGABYTE;
/** So many times what it was before, plus what a busy machine adds: beyond that the others were slowed down. */
const FACTOR = 5;
const NOISE = 500;

let siege: Siege;

beforeAll(async () => {
  siege = await laySiege({ perSecond: PER_SECOND });
});
afterAll(() => siege?.close());

async function endure(attack: string, during: number): Promise<Outcome> {
  const outcome = await siege.attack(attack, { before: 1_000, during });
  report(outcome);
  return outcome;
}

test('1,000 bad tokens in ten seconds from one address: good ones from there are served as ever', async () => {
  const { before, during, counts } = await endure('one token a connection', 10_000);
  // From the 120th on each of them waits for five seconds.
  expect(counts['bad tokens']).toBeGreaterThan(300);
  expect(during.refused).toEqual([]);
  expect(during.login.length).toBeGreaterThan(PER_SECOND * 4);
  expect(median(during.login)).toBeLessThan(FACTOR * median(before.login) + 100);
  expect(percentile(during.login, 0.99), `before: ${percentile(before.login, 0.99)} ms`).toBeLessThan(2_500);
});

describe('others are served, and memory is bounded, beside', () => {
  test.each([
    '5,000 connections, one address',
    '5,000 connections, 250 addresses',
    '100,000 commands before sign-in',
    'an endless line',
    'an endless header',
    'never reads: commands',
    'resets at every stage',
  ])('%s', async (attack) => {
    const { before, during, memory } = await endure(attack, 2_000);
    expect(during.refused).toEqual([]);
    expect(during.signIn.length).toBeGreaterThan(PER_SECOND / 2);
    expect(memory.peak - memory.before).toBeLessThan(MAY_GROW);
    expect(median(during.signIn)).toBeLessThan(FACTOR * median(before.signIn) + NOISE);
  });
});

const median = (values: readonly number[]): number => percentile(values, 0.5);

function report({ attack, before, during, memory, counts }: Outcome): void {
  const waits = (values: readonly number[]): string =>
    `${median(values).toFixed(1)}/${percentile(values, 0.99).toFixed(1)}`;
  const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(0);
  console.log(
    `${attack}: sign-in p50/p99 ${waits(before.signIn)} → ${waits(during.signIn)} ms, AUTH alone ` +
      `${waits(before.login)} → ${waits(during.login)} ms, ${during.refused.length} of ` +
      `${during.refused.length + during.signIn.length} refused; resident ${megabytes(memory.before)} MB, ` +
      `${megabytes(memory.peak)} MB at most, ${megabytes(memory.after)} MB after; ${JSON.stringify(counts)}`,
  );
}
