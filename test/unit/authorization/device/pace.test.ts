import { expect, test } from 'vitest';
import { createDevicePace } from '../../../../src/authorization/device/pace.ts';

function open(interval = 5000) {
  const clock = { now: 0 };
  const pace = createDevicePace({ interval, now: () => clock.now });
  const after = (milliseconds: number, code = 'one') => {
    clock.now += milliseconds;
    return pace.isTooFast(code);
  };
  return { after };
}

test('who keeps to the interval is never too fast, give or take half a second', () => {
  const { after } = open();
  expect([after(0), after(5000), after(4600), after(5000)]).toEqual([false, false, false, false]);
});

test('each question too early makes the interval 5 seconds longer, for good (RFC 8628 §3.5)', () => {
  const { after } = open();
  expect([after(0), after(4000), after(9000), after(15_000), after(14_000), after(20_000)]).toEqual([
    false,
    true,
    true,
    false,
    true,
    false,
  ]);
});

test('it grows to a minute at most', () => {
  const { after } = open();
  after(0);
  for (let count = 0; count < 100; count += 1) after(1);
  expect(after(60_000)).toBe(false);
});

test('each code has its own pace', () => {
  const { after } = open();
  expect([after(0, 'one'), after(1, 'two'), after(1, 'one'), after(5000, 'two')]).toEqual([
    false,
    false,
    true,
    false,
  ]);
});

test('what it remembers is bounded', () => {
  const { after } = open();
  after(0, 'first');
  for (let count = 0; count < 10_000; count += 1) after(0, `code ${count}`);
  expect(after(0, 'first')).toBe(false);
});
