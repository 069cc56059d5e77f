// Reads a page of the documentation as something to do: files to write and commands to run, section by section.

import { readFileSync } from 'node:fs';

export type Step =
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  | { readonly kind: 'commands'; readonly text: string };

/** Heading of each section (`## …`) to its steps in order. A block after "In `path`:" is a file; a block of `sh` is commands. */
export function readPage(url: URL): Map<string, Step[]> {
  const sections = new Map<string, Step[]>();
  for (const section of readFileSync(url, 'utf8').split(/^## /m).slice(1)) {
    const heading = section.slice(0, section.indexOf('\n'));
    sections.set(heading, stepsOf(section));
  }
  return sections;
}

function stepsOf(section: string): Step[] {
  const blocks = section.matchAll(/(?:\bIn `([^`\n]+)`:)?\n\n```(\w*)\n(.*?)^```$/gms);
  return [...blocks].map(([, path, language, text = '']) => {
    if (path !== undefined) return { kind: 'file', path, text };
    if (language === 'sh') return { kind: 'commands', text };
    throw new Error(`a block of ${language || 'no language'} without "In \`file\`:" before it:\n${text}`);
  });
}
