// The text of a configuration file (YAML 1.2) ↔ plain data, with the line of each setting kept for messages.

import { isCollection, isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { Fault, Place } from './fault.ts';

/** What was read, and where each setting stands in the text. */
export interface ConfigDocument {
  readonly data: unknown;
  /** Line (from 1) of a setting, or of the nearest section around it that is in the file. */
  lineOf(place: Place): number | undefined;
}

/** More than any honest file; a parser must not be fed without end. */
const MAX_CHARACTERS = 1_000_000;
/** An alias that names an alias that names an alias … multiplies a small file into gigabytes. */
const MAX_ALIASES = 50;

export function parseConfig(text: string): ConfigDocument | { faults: Fault[] } {
  if (text.length > MAX_CHARACTERS) {
    return oneFault(`is larger than ${MAX_CHARACTERS} characters; no configuration needs that`);
  }
  const lines = new LineCounter();
  try {
    const document = parseDocument(text.replace(/^\uFEFF/, ''), {
      version: '1.2',
      schema: 'core',
      resolveKnownTags: false,
      stringKeys: true,
      uniqueKeys: true,
      prettyErrors: false,
      logLevel: 'error',
      lineCounter: lines,
    });
    const problems = [...document.errors, ...document.warnings];
    if (problems.length > 0) {
      return {
        faults: problems.map((problem) => ({
          path: '',
          message: inPlainWords(problem.code, problem.message),
          line: lines.linePos(problem.pos[0]).line,
        })),
      };
    }
    const data: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return {
      data: data ?? {},
      lineOf: (place) => lineOf({ root: document.contents, place, lines }),
    };
  } catch (error) {
    // The parser throws on what it cannot hold: nesting without end, aliases that multiply.
    return oneFault(inPlainWords('', error instanceof Error ? error.message : 'unreadable'));
  }
}

function oneFault(message: string): { faults: Fault[] } {
  return { faults: [{ path: '', message }] };
}

function inPlainWords(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this name stands twice in the same section; keep one of the two';
  if (code === 'TAB_AS_INDENT') return 'is indented with a tab; YAML wants spaces';
  if (code === 'MULTIPLE_DOCS') return 'holds a second document after ---; one file, one configuration';
  if (code === 'TAG_RESOLVE_FAILED') return 'has a tag (a word that begins with !); write the plain value';
  if (/alias/i.test(message)) {
    return 'uses YAML anchors (&name, *name) wrongly or too often; write the values out';
  }
  if (/call stack/i.test(message)) return 'is nested too deeply';
  return `is not valid YAML: ${(message.split('\n')[0] ?? '').slice(0, 200)}`;
}

function lineOf(given: { root: unknown; place: Place; lines: LineCounter }): number | undefined {
  let node = given.root;
  let offset: number | undefined;
  for (const step of given.place) {
    if (!isCollection(node)) break;
    const item: unknown = isMap(node)
      ? node.items.find((pair) => isScalar(pair.key) && pair.key.value === step)
      : node.items[Number(step)];
    if (item === undefined) break;
    offset = startOf(isPair(item) ? item.key : item) ?? offset;
    node = isPair(item) ? item.value : item;
  }
  return offset === undefined ? undefined : given.lines.linePos(offset).line;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0];
}
