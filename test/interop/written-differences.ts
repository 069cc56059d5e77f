// Owns the reading of docs/differences.md, where everything that Postern does otherwise than Postfix is written down.

import { readFileSync } from 'node:fs';

/** One row of a table: its cells, without the marks of code. */
export type Row = readonly string[];

const PAGE = new URL('../../docs/differences.md', import.meta.url);

/** The rows of every table in the chapter of this name, those of its sections in turn. */
export function writtenRows(chapter: string): Row[] {
  const text = readFileSync(PAGE, 'utf8')
    .split(/^## /m)
    .find((part) => part.startsWith(`${chapter}\n`));
  if (text === undefined) throw new Error(`docs/differences.md has no chapter "${chapter}"`);
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[-|]+$/.test(line))
    .map((line) => line.slice(1, -1).split('|').map(cell))
    .filter(([first]) => first !== HEADING);
}

/** First cell of each table's own heading, of which there is one kind a chapter. */
const HEADING = 'what';

const cell = (text: string): string => text.trim().replace(/^`+ ?| ?`+$/g, '');
