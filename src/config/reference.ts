// The printed reference: a complete configuration file with every setting explained, made from the schema.

import { stringify } from 'yaml';
import { EXAMPLES, FURTHER_ITEMS, SHOWN_IN_USE } from './examples.ts';
import { ownSettings, type SchemaNode, SETTINGS_SCHEMA } from './schema.ts';
import { kindName } from './wording.ts';

const PREFACE = `# Postern: every setting there is. Made from the schema by \`postern config reference\`.
#
# A line with # directly before a name is a setting at its default, or an example of an optional one:
# take the # away to use it. Lines with "# " are explanations.
# Paths count from the folder of this file. A secret is named by file or environment variable, never written here.
# Check a file with \`postern config check FILE\`, then run it with \`postern serve --config FILE\`.
`;

const WIDTH = 110;

/** The reference as YAML text that is itself a valid configuration, once the files it names exist. */
export function renderReference(): string {
  const lines = renderSection({ node: SETTINGS_SCHEMA, path: '', indent: '', isOff: false });
  return `${PREFACE}${lines.join('\n').replace(/\n{3,}/g, '\n\n')}\n`;
}

interface Rendering {
  readonly node: SchemaNode;
  readonly path: string;
  readonly indent: string;
  /** Written with # before each setting, because the section around it is. */
  readonly isOff: boolean;
}

function renderSection(given: Rendering): string[] {
  return ownSettings(given.node).flatMap(([name, node], index) => {
    const isRequired = given.node.required?.includes(name) === true && node.default === undefined;
    const path = given.path === '' ? name : `${given.path}.${name}`;
    const setting = { ...given, node, path };
    return [
      ...(index > 0 || given.path === '' ? [''] : []),
      ...explain(setting, isRequired),
      ...renderSetting({ ...setting, isOff: given.isOff || isLeftOut({ node, path, isRequired }) }, name),
    ];
  });
}

function renderSetting(given: Rendering, name: string): string[] {
  const { node, path, indent, isOff } = given;
  const start = `${indent}${isOff ? '#' : ''}${name}:`;
  if (node.type === 'object') {
    return [start, ...renderSection({ ...given, indent: `${indent}  ` })];
  }
  if (node.type === 'array' && node.items?.type === 'object') {
    return [start, ...renderItems({ ...given, node: node.items, indent: `${indent}  ` })];
  }
  return [`${start} ${toYaml(EXAMPLES[path] ?? node.default)}`];
}

function renderItems(given: Rendering): string[] {
  const inner = { ...given, path: `${given.path}[]`, indent: `${given.indent}  ` };
  const first = renderSection(inner);
  // The dash stands before the first setting; the explanations above it stay comments.
  const at = first.findIndex((line) => !line.trimStart().startsWith('# '));
  const dashed = first.map((line, index) => {
    if (index !== at) return line;
    return line.replace(inner.indent, given.indent).replace(/^(\s*#?)/, '$1- ');
  });
  const further = (FURTHER_ITEMS[given.path] ?? []).flatMap((item) => [
    '',
    ...stringify([item], { lineWidth: 0 })
      .trimEnd()
      .split('\n')
      .map((line) => `${given.indent}${given.isOff ? '#' : ''}${line}`),
  ]);
  return [...dashed, ...further];
}

function explain(given: Rendering, isRequired: boolean): string[] {
  const { node, indent } = given;
  const texts = [node.description ?? '', `${kindName(node)} · ${presence(node, isRequired)}`];
  return texts.flatMap((text) => wrap(text, WIDTH - indent.length)).map((line) => `${indent}# ${line}`);
}

function presence(node: SchemaNode, isRequired: boolean): string {
  if (isRequired) return 'required';
  if (node.type === 'object' || node.default === undefined) return 'optional';
  return `default ${toYaml(node.default)}`;
}

/** Sections whose settings all have defaults stay in: an operator then need not uncomment two lines to change one. */
function isLeftOut(given: { node: SchemaNode; path: string; isRequired: boolean }): boolean {
  if (given.isRequired || SHOWN_IN_USE.has(given.path)) return false;
  return given.node.type !== 'object' || given.node.default === undefined;
}

function toYaml(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0 }).trim();
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
