// docs/upstreams/: a page for each preset, which shows what the preset stands for; the README leads to all of them.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { UPSTREAM_PRESETS } from '../../../src/relay/presets.ts';

const folder = new URL('../../../docs/upstreams/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8');
const blocks = (text: string): Record<string, unknown>[] =>
  [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block]) => parse(block ?? ''));

/** The written settings over the preset's, sections setting by setting: what structure.ts does, said in another way. */
function over(preset: Record<string, unknown>, written: Record<string, unknown>): Record<string, unknown> {
  const names = new Set([...Object.keys(preset), ...Object.keys(written)]);
  return Object.fromEntries(
    [...names].map((name) => {
      const [below, above] = [preset[name], written[name]];
      const sections = [below, above].every((each) => typeof each === 'object' && !Array.isArray(each));
      return [name, sections ? over(below as typeof preset, above as typeof written) : (above ?? below)];
    }),
  );
}

describe.each(Object.entries(UPSTREAM_PRESETS))('docs/upstreams/%s.md', (name, preset) => {
  const text = read(`${name}.md`);

  it('shows what the preset stands for: the first example without its name, with all of the preset', () => {
    const [first] = blocks(text) as [{ upstream: Record<string, unknown> }];
    const [, after = ''] = text.split('### What the preset stands for');
    const [meant] = blocks(after);
    const { preset: used, port, ...written } = first.upstream;
    expect(used).toBe(name);
    // A port that is written for the sake of the example is no part of the preset.
    expect(port ?? preset.port).toBeDefined();
    expect(meant).toEqual({ upstream: over(preset, written) });
  });

  it.each(['## In Postern', '## Whether it works', '## What goes wrong', '## What of this was run'])(
    'has "%s"',
    (heading) => expect(text.split('\n')).toContain(heading),
  );

  it('leads nowhere that is not there', () => {
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !existsSync(new URL(link, folder)))).toEqual([]);
  });
});

describe('docs/upstreams/README.md', () => {
  it('leads to each page, and names each preset', () => {
    const text = read('README.md');
    for (const name of Object.keys(UPSTREAM_PRESETS)) {
      expect(text).toContain(`](${name}.md)`);
      expect(text).toContain(`| \`${name}\` |`);
    }
    expect(text).toContain('](several.md)');
  });
});
