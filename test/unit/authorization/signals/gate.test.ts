import { expect, test } from 'vitest';
import { createSignalGate } from '../../../../src/authorization/signals/gate.ts';
import { testClock } from '../../../support/tokens.ts';

function admitted(
  gate: ReturnType<typeof createSignalGate>,
  peers: (index: number) => string,
  count: number,
) {
  let admits = 0;
  for (let index = 0; index < count; index += 1) if (gate.admits(peers(index))) admits += 1;
  return admits;
}

test('strangers share one allowance, however many addresses they come from', () => {
  const gate = createSignalGate(testClock().now);
  expect(admitted(gate, (index) => `192.0.2.${index % 250}`, 20_000)).toBe(1_000);
});

test('it fills again with time', () => {
  const clock = testClock();
  const gate = createSignalGate(clock.now);
  admitted(gate, () => '192.0.2.1', 5_000);
  clock.advance(1_000);
  expect(admitted(gate, () => '192.0.2.1', 5_000)).toBe(100);
});

test('who was believed is not shut out by strangers, for a day, and has a bound of its own', () => {
  const clock = testClock();
  const gate = createSignalGate(clock.now);
  gate.believe('198.51.100.7');
  admitted(gate, (index) => `192.0.2.${index % 250}`, 5_000);
  expect(admitted(gate, () => '198.51.100.7', 5_000)).toBe(2_000);
  clock.advance(24 * 3_600_000);
  admitted(gate, (index) => `192.0.2.${index % 250}`, 5_000);
  expect(gate.admits('198.51.100.7')).toBe(false);
});
