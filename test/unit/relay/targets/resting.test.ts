// What fails must not fill the memory: answers of DNS that change each time bring new targets without end.

import { expect, it } from 'vitest';
import { createResting } from '../../../../src/relay/targets/resting.ts';

it('remembers 200 failing targets, and forgets the oldest for another', () => {
  const resting = createResting({ now: () => 0 });
  const keys = Array.from({ length: 201 }, (_, index) => `target ${index}`);
  for (const key of keys) resting.failed(key);
  const [first = '', second = ''] = keys;
  expect(resting.healthyFirst([second, first], (key) => key)).toEqual([first, second]);
  expect(resting.healthyFirst([second, 'new'], (key) => key)).toEqual(['new', second]);
});
