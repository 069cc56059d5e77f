// The warning about too few open files.

import { expect, test } from 'vitest';
import type { Settings } from '../../../src/config/schema.ts';
import { fileLimitDanger } from '../../../src/gateway/file-limit.ts';

const settings = {
  submission: { maxConnections: 2000 },
  upstream: { maxConnections: 30 },
  upstreams: [{ maxConnections: 15 }, { maxConnections: 5 }],
} as Settings;
const limits = (soft: string) => async () =>
  `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft.padEnd(20)} 1048576              files\n`;

test.each(['400', '2749'])('%s files are told of, with how many are wanted', async (soft) => {
  const danger = await fileLimitDanger(settings, 500, limits(soft));
  expect(danger).toMatch(/^submission\.maxConnections: /);
  expect(danger).toContain(`open ${soft} files`);
  expect(danger).toContain('Allow 2750 ');
});

test.each(['2750', '1048576', 'unlimited'])('%s files are enough', async (soft) => {
  expect(await fileLimitDanger(settings, 500, limits(soft))).toBeUndefined();
});

test('a system that does not tell is taken at its best', async () => {
  expect(await fileLimitDanger(settings, 500, () => Promise.reject(new Error('ENOENT')))).toBeUndefined();
});
