// How a kind of value is put into words: in error messages, in the printed reference and in the table of the docs.

import { quote } from './fault.ts';
import type { SchemaNode } from './schema.ts';

const EXPECTED_KINDS: Readonly<Record<string, string>> = {
  duration: 'a duration such as "500ms", "30s", "15m", "12h" or "90d"',
  'socket-address': 'an address and port such as "127.0.0.1:587", "[::1]:587", or ":587" for every address',
  network: 'a network such as "10.1.0.0/16" or "2001:db8::/32", or one address',
  'existing-file': 'the path of a file',
  'writable-path': 'a path',
  secret: '{file: PATH} or {env: NAME}; the secret itself never stands in this file',
};

const KIND_NAMES: Readonly<Record<string, string>> = {
  duration: 'duration',
  'socket-address': 'address:port',
  network: 'network',
  'existing-file': 'file',
  'writable-path': 'path',
  secret: '{file: PATH} or {env: NAME}',
};

/** What a message tells the operator to write: `a whole number from 1 to 65535`. */
export function expectation(node: SchemaNode): string {
  const kind = EXPECTED_KINDS[node['x-kind'] ?? ''];
  if (kind !== undefined) return kind;
  if (node.anyOf !== undefined) return `one of ${choices(node).join(', ')}`;
  switch (node.type) {
    case 'integer':
      return `a whole number${range(node)}`;
    case 'number':
      return `a number${range(node)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return listExpectation(node);
    case 'object':
      return 'a section with settings under it';
    default:
      return textExpectation(node);
  }
}

function textExpectation({ format, 'x-shape': shape }: SchemaNode): string {
  if (format === 'uri') return 'a URL such as "https://mail.example.org"';
  return shape ?? 'text, not empty';
}

/** The short name of a kind for tables and comments: `duration`, `list of text`. */
export function kindName(node: SchemaNode): string {
  const kind = KIND_NAMES[node['x-kind'] ?? ''];
  if (kind !== undefined) return kind;
  if (node.anyOf !== undefined) return choices(node).join(' or ');
  switch (node.type) {
    case 'integer':
      return `whole number${range(node)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `list of ${listItemName(node.items ?? {})}`;
    case 'object':
      return 'section';
    default:
      return node.format === 'uri' ? 'URL' : 'text';
  }
}

/** What stands in the file, for `found …`; only values of kinds that hold no secret are shown. */
export function describeFound(node: SchemaNode, value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a section';
  // A password pasted where a section belongs must not be repeated on a screen.
  if (node['x-kind'] === 'secret' || node.type === 'object') return 'a plain value';
  if (typeof value === 'string') return value === '' ? 'an empty text' : quote(value);
  return String(value);
}

function choices(node: SchemaNode): string[] {
  return (node.anyOf ?? []).map((choice) => String(choice.const));
}

function range(node: SchemaNode): string {
  if (node.minimum !== undefined && node.maximum !== undefined) {
    return ` from ${node.minimum} to ${node.maximum}`;
  }
  if (node.minimum !== undefined) return `, ${node.minimum} or more`;
  return node.maximum === undefined ? '' : `, ${node.maximum} or less`;
}

function listExpectation(node: SchemaNode): string {
  const items = `a list of ${listItemName(node.items ?? {})}`;
  if (node.uniqueItems === true) return `${items}, each at most once${atLeastOne(node)}`;
  return `${items}${atLeastOne(node)}`;
}

function atLeastOne(node: SchemaNode): string {
  return (node.minItems ?? 0) > 0 ? ', at least one' : '';
}

function listItemName(node: SchemaNode): string {
  if (node.type === 'object') return 'sections';
  if (node['x-kind'] === 'network') return 'networks';
  if (node['x-kind'] === 'existing-file') return 'files';
  if (node.anyOf !== undefined) return `values out of ${choices(node).join(', ')}`;
  return node.format === 'uri' ? 'URLs' : 'texts';
}
