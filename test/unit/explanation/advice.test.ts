// The advice for each refusal: short, one line, and every setting it names exists.

import { describe, expect, test } from 'vitest';
import { renderReferenceTable } from '../../../src/config/reference-table.ts';
import { ADVICE } from '../../../src/explanation/advice.ts';
import { REFUSAL_CODES } from '../../../src/refusal.ts';

/** `token.trustedIssuers[].issuer` and so on, as docs/configuration.md has them. */
const settings = new Set(
  renderReferenceTable()
    .split('\n## ')
    .slice(1)
    .flatMap((section) => {
      const [name = ''] = section.split('\n', 1);
      return [name, ...[...section.matchAll(/^\| `([^`]+)`/gm)].map(([, path]) => `${name}.${path}`)];
    }),
);
const SECTIONS = /^(submission|token|authorization|upstream|dkim|audit|store|administration)\b/;

test('the settings are found at all', () => {
  expect(settings.size).toBeGreaterThan(150);
  expect(settings).toContain('token.trustedIssuers[].audiences');
});

describe.each(REFUSAL_CODES)('%s', (code) => {
  const advice = ADVICE[code];

  test('is one line of a few sentences', () => {
    expect(advice).toMatch(/^[A-Z][^\n|]+\.$/);
    expect(advice.length).toBeLessThan(460);
  });

  test('names only settings that exist', () => {
    const named = [...advice.matchAll(/`([A-Za-z.[\]]+)`/g)].map(([, path]) => path as string);
    expect(named.filter((path) => SECTIONS.test(path) && !settings.has(path))).toEqual([]);
  });
});
