// docs/identity-providers/: a page for each product, which shows what its preset stands for; the README leads to all of them.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ISSUER_PRESETS } from '../../../src/token/issuers/presets.ts';

type Section = Record<string, unknown>;
interface Piece {
  readonly token?: { readonly trustedIssuers: readonly Section[] };
}

const folder = new URL('../../../docs/identity-providers/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8');
const pieces = (text: string): Piece[] =>
  [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block]) => parse(block ?? ''));

const PLATFORMS = ['kubernetes', 'github-actions', 'gitlab'];
const PRODUCTS = Object.entries(ISSUER_PRESETS).filter(([name]) => !PLATFORMS.includes(name));

/** The written settings over the preset's, sections setting by setting; an optional section only where it is written. */
function over(preset: Section, written: Section): Section {
  const brought = Object.entries(preset).filter(([name]) => name !== 'introspection' || name in written);
  const names = new Set([...brought.map(([name]) => name), ...Object.keys(written)]);
  return Object.fromEntries(
    [...names].map((name) => {
      const [below, above] = [preset[name], written[name]];
      const sections = [below, above].every((each) => typeof each === 'object' && !Array.isArray(each));
      return [name, sections ? over(below as Section, above as Section) : (above ?? below)];
    }),
  );
}

describe.each(PRODUCTS)('docs/identity-providers/%s.md', (name, preset) => {
  const text = read(`${name}.md`);

  it('shows what the preset stands for: the first example without its name, with all of the preset', () => {
    const [before = '', after = ''] = text.split('### What the preset stands for');
    // A page may show the sign-in through Postern too.
    const [first] = pieces(before).flatMap(({ token }) => token ?? []);
    const [meant] = pieces(after);
    const { preset: used, ...written } = first?.trustedIssuers[0] ?? {};
    expect(used).toBe(name);
    expect(meant?.token?.trustedIssuers).toEqual([over(preset, written)]);
  });

  it.each([
    '### For sign-in through Postern',
    '### For tokens trusted directly',
    '## In Postern',
    '## Whether it works',
    '## What goes wrong',
    '## What of this was run',
  ])('has "%s"', (heading) => expect(text.split('\n')).toContain(heading));

  it('names the documentation it was compared with, and says what was run', () => {
    const [, last = ''] = text.split('## What of this was run');
    expect(last).toMatch(/^\s*Nothing against /);
    expect(last).toMatch(/\]\(https:\/\//);
    const tests = [...last.matchAll(/`(test\/[^`]+)`/g)].map(([, file]) => file ?? '');
    expect(tests).toContain('test/unit/token/issuers/products.test.ts');
    expect(tests.filter((file) => !existsSync(new URL(`../../${file}`, folder)))).toEqual([]);
  });
});

it('the page of the platforms shows their presets', () => {
  const meant = pieces(read('workloads.md').split('## What the presets stand for')[1] ?? '')[0];
  const shown = meant?.token?.trustedIssuers.map(({ audiences: _audiences, ...rest }) => rest);
  const [kubernetes, ...others] = PLATFORMS.map((name) => ISSUER_PRESETS[name as 'kubernetes']);
  expect(shown).toEqual([
    { issuer: 'https://kubernetes.default.svc.cluster.local', ...kubernetes },
    ...others,
  ]);
});

it('README.md leads to each page, and names each preset', () => {
  const text = read('README.md');
  for (const [name] of PRODUCTS) expect(text).toContain(`](${name}.md) | \`${name}\` |`);
  expect(text).toContain('](workloads.md)');
  for (const name of PLATFORMS) expect(text).toContain(`\`${name}\``);
});

it.each(['README.md', 'workloads.md', ...PRODUCTS.map(([name]) => `${name}.md`)])(
  '%s leads nowhere that is not there',
  (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !existsSync(new URL(link, folder)))).toEqual([]);
  },
);
