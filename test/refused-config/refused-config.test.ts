// Broken configurations, one a folder, each with the exact words it must be refused with.
// POSTERN_WRITE_EXPECTED=1 writes those words anew after a change; read them before they are committed.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatFault } from '../../src/config/fault.ts';
import { loadSettingsFile } from '../../src/config/load.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const ENVIRONMENT = { TEST_SECRET: 'only-for-this-test' };

const folders = readdirSync(HERE, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'pem')
  .map((entry) => entry.name);

/** What an operator reads, without what differs from machine to machine. */
function wordsFor(folder: string): string {
  const file = join(HERE, folder, 'postern.yaml');
  const loaded = loadSettingsFile(file, ENVIRONMENT);
  if (!('faults' in loaded)) return 'sound\n';
  const lines = loaded.faults.map((fault) => `${formatFault('postern.yaml', fault)}\n`);
  return lines.join('').replaceAll(join(HERE, folder), '.').replaceAll(HERE, '..');
}

describe('a broken configuration is refused in its own words', () => {
  it.each(folders)('%s', (folder) => {
    const expected = join(HERE, folder, 'expected.txt');
    const words = wordsFor(folder);
    if (process.env['POSTERN_WRITE_EXPECTED'] === '1') writeFileSync(expected, words);
    expect(words).not.toBe('sound\n');
    expect(words).toBe(readFileSync(expected, 'utf8'));
  });

  it('and the configuration they were all made from is sound', () => {
    expect(loadSettingsFile(join(HERE, 'sound.yaml'), ENVIRONMENT)).toHaveProperty('settings');
  });
});
