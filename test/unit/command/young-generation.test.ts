// The young generation of a real process stays within its bound, however much garbage is made.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

const MODULE = new URL('../../../src/command/young-generation.ts', import.meta.url).href;

/** Makes garbage that survives a while, in turns, as a server's does; prints the largest size seen, in MiB. */
const CODE = `
import v8 from 'node:v8';
const { boundYoungGeneration } = await import(${JSON.stringify(MODULE)});
boundYoungGeneration({ loading: 0 });
let largest = 0;
for (let turn = 0; turn < 200; turn += 1) {
  const kept = [];
  for (let count = 0; count < 20_000; count += 1) kept.push({ turn, count });
  const space = v8.getHeapSpaceStatistics().find((each) => each.space_name === 'new_space');
  largest = Math.max(largest, space.space_size);
  await new Promise(setImmediate);
}
console.log(largest / 1024 / 1024);
`;

function largestOf(options: readonly string[]): number {
  const parameters = [...options, '--input-type=module', '--eval', CODE];
  const { NODE_OPTIONS: _none, ...environment } = process.env;
  return Number(execFileSync(process.execPath, parameters, { encoding: 'utf8', env: environment }));
}

test('it grows to 4 MiB and no further', () => {
  expect(largestOf([])).toBe(4);
});

test('what the operator has set with an option stays', () => {
  expect(largestOf(['--max-semi-space-size=16'])).toBeGreaterThan(4);
});
