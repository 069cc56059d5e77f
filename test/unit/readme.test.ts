// The README, the pages in docs/ and the folders' own: every command named exists, every link and file named leads somewhere.

import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = ['README.md', ...globSync('{docs,src,test}/**/*.md', { cwd: ROOT })];
const SOURCES = globSync('{src,test}/**/*.{ts,js,sh}', { cwd: ROOT });
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

  test('links to files that are there, and to headings in them', () => {
    expect(linksOf(page).filter(({ path, heading }) => !leadsTo(path, heading))).toEqual([]);
  });
});

test('the README leads to every page in docs/, by way of others', () => {
  const reached = new Set(['README.md']);
  for (const page of reached) {
    for (const { path } of linksOf(page))
      if (path.endsWith('.md') && existsSync(join(ROOT, path))) reached.add(path);
  }
  const unreached = PAGES.filter((page) => page.startsWith('docs/') && !reached.has(page));
  expect(unreached).toEqual([]);
});

describe.each(PAGES.filter((page) => page.startsWith('src/')))('%s', (page) => {
  test('names only files and folders that are there', () => {
    const named = [...read(page).matchAll(/`((?:\.\.\/)*[a-z][\w/.-]*(?:\.ts|\/))`/g)].map(
      ([, path]) => path as string,
    );
    // What every folder has is named without one.
    expect(named.filter((path) => path !== 'settings.ts' && !isBelowOne(dirname(page), path))).toEqual([]);
  });
});

test('docs/flow.md names only files and folders that are there', () => {
  const named = [...read('docs/flow.md').matchAll(/`([a-z][\w/-]*\.ts)`/g)].map(([, path]) => path as string);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !SOURCES.some((source) => `/${source}`.endsWith(`/${path}`)))).toEqual([]);
});

test('comments name only files of the project that are there', () => {
  const named = SOURCES.filter((path) => path.startsWith('src/')).flatMap((source) =>
    [...read(source).matchAll(/(?:test|src)\/[\w/.-]+\.ts\b/g)].map(([path]) => ({ source, path })),
  );
  expect(named.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([]);
});

function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** Links to pages and files of the project, as paths from its root. */
function linksOf(page: string): { path: string; heading: string | undefined }[] {
  return [...read(page).matchAll(/\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].map(([, path, heading]) => ({
    path: path ? normalize(join(dirname(page), path)) : page,
    heading,
  }));
}

function leadsTo(path: string, heading: string | undefined): boolean {
  if (!existsSync(join(ROOT, path))) return false;
  if (heading === undefined) return true;
  const headings = [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
  return headings.includes(heading);
}

/** Counted from the folder, or from one above it. */
function isBelowOne(folder: string, path: string): boolean {
  if (existsSync(join(ROOT, folder, path))) return true;
  return folder !== '.' && isBelowOne(dirname(folder), path);
}
