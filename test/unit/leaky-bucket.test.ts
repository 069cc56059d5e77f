import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLeakyBuckets } from '../../src/leaky-bucket.ts';

function situation(options: { drain?: number; mostKeys?: number; start?: number } = {}) {
  const { drain = 1_000, start = 0 } = options;
  const clock = { now: start };
  const buckets = createLeakyBuckets({ ...options, drain, now: () => clock.now });
  const addWithin = (key: string, capacity: number, tries: number) =>
    Array.from({ length: tries }, () => buckets.addWithin(key, capacity)).filter(Boolean).length;
  return { buckets, clock, addWithin };
}

test('fills with each and drains evenly, down to empty and no further', () => {
  const { buckets, clock } = situation();
  expect([buckets.add('a'), buckets.add('a'), buckets.add('b')]).toEqual([1, 2, 1]);
  clock.now += 500;
  expect(buckets.add('a')).toBe(2.5);
  clock.now += 86_400_000;
  expect(buckets.add('a')).toBe(1);
});

test('what does not fit is not counted', () => {
  const { clock, addWithin } = situation();
  expect(addWithin('a', 5, 100)).toBe(5);
  clock.now += 2_000;
  expect(addWithin('a', 5, 100)).toBe(2);
  expect(addWithin('b', 0, 3)).toBe(0);
});

test('what was put in may be taken back; of an unknown key nothing', () => {
  const { buckets, addWithin } = situation();
  addWithin('a', 3, 3);
  buckets.takeBack('a');
  expect(addWithin('a', 3, 3)).toBe(1);
  buckets.takeBack('b');
  buckets.takeBack('b');
  expect(addWithin('b', 3, 9)).toBe(3);
  for (let count = 0; count < 9; count += 1) buckets.takeBack('b');
  expect(addWithin('b', 3, 9)).toBe(3);
});

test('parts of one are counted as such', () => {
  const { buckets } = situation();
  const sixteenth = () => buckets.addWithin('a', 2, 1 / 16);
  expect(Array.from({ length: 40 }, sixteenth).filter(Boolean)).toHaveLength(32);
  buckets.takeBack('a', 1 / 16);
  expect([sixteenth(), sixteenth()]).toEqual([true, false]);
  expect(buckets.add('a')).toBe(3);
});

test('is full at its capacity whatever the drain and the time, never one sooner or later', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.double({ min: 0, max: 1e13, noNaN: true }),
      fc.integer({ min: 1, max: 100 }),
      (capacity, start, minutes) => {
        const drain = 60_000 / capacity;
        const { clock, addWithin } = situation({ drain, start });
        expect(addWithin('a', capacity, capacity + 2)).toBe(capacity);
        clock.now += minutes * 60_000;
        expect(addWithin('a', capacity, capacity + 2)).toBe(capacity);
      },
    ),
  );
});

test('a clock that is put back neither fills nor empties, and holds nothing up', () => {
  const { clock, addWithin } = situation({ start: 1_000_000_000 });
  expect(addWithin('a', 3, 2)).toBe(2);
  clock.now -= 500_000_000;
  expect(addWithin('a', 3, 9)).toBe(1);
  expect(addWithin('a', 3, 9)).toBe(0);
  clock.now += 2_000;
  expect(addWithin('a', 3, 9)).toBe(2);
});

test('a flood of new keys forgets itself, not those who used up much, and not its own first', () => {
  const { buckets, addWithin } = situation({ mostKeys: 100 });
  expect(addWithin('the flood’s first', 50, 50)).toBe(50);
  expect(addWithin('somebody', 50, 10)).toBe(10);
  for (let count = 0; count < 100_000; count += 1) buckets.add(`key ${count}`);
  expect(addWithin('the flood’s first', 50, 9)).toBe(0);
  expect(addWithin('somebody', 50, 100)).toBe(40);
});

test('the emptiest go first, whenever they came', () => {
  const { buckets } = situation({ mostKeys: 8 });
  for (const [index, key] of [...'abcdefgh'].entries()) {
    for (let count = 0; count <= index; count += 1) buckets.add(key);
  }
  // The ninth: down to seven, so `a` goes, and the new one itself.
  buckets.add('new');
  const known = (key: string) => buckets.add(key) > 1;
  expect([...'hgfedcb'].map(known)).toEqual(Array(7).fill(true));
  expect(known('a')).toBe(false);
});

test('sorting out keys costs little', () => {
  const { buckets } = situation({ mostKeys: 10_000 });
  const started = performance.now();
  for (let count = 0; count < 300_000; count += 1) buckets.add(`2001:db8:${count.toString(16)}::`);
  // Scanning all keys for each new one would take minutes.
  expect(performance.now() - started).toBeLessThan(20_000);
});
