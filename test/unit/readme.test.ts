// The README and the pages in docs/: every command named exists, every link leads somewhere.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
);
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const COMMANDS = readdirSync(join(ROOT, 'src/command')).map((name) => name.replace(/\.ts$/, ''));

describe.each(PAGES)('%s', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');

  test('names only npm scripts that exist', () => {
    const named = [...text.matchAll(/npm run (?:-s )?([a-z][a-z:]*)/g)].map(([, name]) => name as string);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    for (const short of ['start', 'test'])
      if (text.includes(`npm ${short}`)) expect(scripts).toHaveProperty(short);
  });

  test('names only commands of postern that exist', () => {
    const named = [...text.matchAll(/npx postern ([a-z]+)(?: (check|reference))?/g)].map(([, name, more]) =>
      more ? `${name}-${more}` : name,
    );
    expect(named.filter((name) => !COMMANDS.includes(name as string))).toEqual([]);
  });

  test('links to files that are there', () => {
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path]) => path as string);
    expect(links.filter((path) => !existsSync(join(ROOT, dirname(page), path)))).toEqual([]);
  });
});
