// What failed sign-ins cost: nothing at first, more with each, and nothing again after a while.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Penalty } from '../../../../src/submission/access/penalty.ts';

/** A penalty whose clock is moved by hand, in milliseconds. */
function openPenalty() {
  const clock = { now: 5_000 };
  const penalty = new Penalty(() => clock.now);
  const fail = (count: number, address = '192.0.2.1'): number[] =>
    Array.from({ length: count }, () => penalty.failed(address));
  return { clock, fail };
}

test('the first twenty are free, each further one waits 50 ms more, up to five seconds', () => {
  const { fail } = openPenalty();
  expect(fail(20)).toEqual(Array(20).fill(0));
  expect(fail(3)).toEqual([50, 100, 150]);
  expect(fail(200).at(-1)).toBe(5_000);
});

test('one is forgiven each second, and after a minute’s silence it is as at the beginning', () => {
  const { clock, fail } = openPenalty();
  fail(24);
  clock.now += 3_000;
  expect(fail(1)).toEqual([100]);
  clock.now += 60_000;
  expect(fail(21)).toEqual([...Array(20).fill(0), 50]);
});

test('one failure a second is never anything but free', () => {
  const { clock, fail } = openPenalty();
  for (let second = 0; second < 200; second += 1) {
    expect(fail(1)).toEqual([0]);
    clock.now += 1_000;
  }
});

test('others do not pay for it; the neighbours in one IPv6 /64 do, for it is one client’s', () => {
  const { fail } = openPenalty();
  fail(100);
  expect(fail(1, '192.0.2.2')).toEqual([0]);
  fail(20, '2001:db8::1');
  expect(fail(1, '2001:db8::ffff:1')).toEqual([50]);
  expect(fail(1, '2001:db8:0:1::1')).toEqual([0]);
});

test('failures from ever new addresses do not make those of an old one cheap again', () => {
  const { fail } = openPenalty();
  fail(30, '192.0.2.1');
  for (let index = 0; index < 50_000; index += 1) fail(1, `10.0.${index >> 8}.${index & 255}`);
  expect(fail(1, '192.0.2.1')).toEqual([550]);
});

test('never negative, never beyond five seconds, and never less for failing sooner', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3_000), { maxLength: 200 }), fc.nat(3_000), (pauses, shorter) => {
      const [patient, hasty] = [openPenalty(), openPenalty()];
      for (const pause of pauses) {
        patient.clock.now += pause;
        hasty.clock.now += Math.min(pause, shorter);
        const [waits, waitsLonger] = [patient.fail(1)[0] ?? -1, hasty.fail(1)[0] ?? -1];
        expect(waits).toBeGreaterThanOrEqual(0);
        expect(waitsLonger).toBeLessThanOrEqual(5_000);
        expect(waitsLonger).toBeGreaterThanOrEqual(waits - 1e-6);
      }
    }),
  );
});
