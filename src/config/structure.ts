// Does the file have the shape of the schema: unknown names, missing settings, values of the wrong kind.

import { Settings as TypeBoxSettings } from 'typebox/system';
import Value from 'typebox/value';
import type { Findings, Place } from './fault.ts';
import { type SchemaNode, SETTINGS_SCHEMA, Settings } from './schema.ts';
import { suggest } from './suggestion.ts';
import { describeFound, expectation } from './wording.ts';

/** Far more than anyone reads at once, yet an end. The validator itself would stop after eight. */
const MAX_FAULTS = 500;

/**
 * Fills in defaults and names each fault of shape once. The validator reports a wrong value of a union once a branch and an
 * unknown name twice; here each place speaks once, in the words of its own schema.
 */
export function fillAndCheckStructure(data: unknown, findings: Findings): unknown {
  const filled = Value.Default(Settings, complete(SETTINGS_SCHEMA, data));
  TypeBoxSettings.Set({ maxErrors: MAX_FAULTS });
  const seen = new Set<string>();
  const report = (place: Place, message: string): void => {
    const key = JSON.stringify(place);
    if (seen.has(key)) return;
    seen.add(key);
    findings.fault(place, message);
  };
  for (const error of Value.Errors(Settings, filled)) {
    const found = locate(error.instancePath, filled);
    if (error.keyword === 'boolean') continue;
    if (!found.whole && error.keyword === 'additionalProperties') {
      for (const name of error.params.additionalProperties) {
        report([...found.place, name], unknownName(name, found.node));
      }
    } else if (!found.whole && error.keyword === 'required') {
      // What an unknown preset would have filled in nobody knows: it is the one fault.
      if (hasUnknownPreset(found)) continue;
      for (const name of error.params.requiredProperties) {
        const node = found.node.properties?.[name] ?? {};
        report([...found.place, name], missing(node));
      }
    } else {
      report(found.place, wrongValue(found.node, found.value));
    }
  }
  return filled;
}

/**
 * A section whose settings all have defaults may stand there empty (`audit:` with every line under it commented out), and one
 * with a preset may leave out what that fills in. What is written counts instead, setting by setting, inside sections too.
 */
function complete(node: SchemaNode, written: unknown, brought?: object): unknown {
  const data = written === null && isAlwaysThere(node) ? {} : written;
  if (Array.isArray(data)) return data.map((item) => complete(node.items ?? {}, item));
  if (typeof data !== 'object' || data === null) return data;
  const filling: Record<string, unknown> = { ...brought, ...presetOf(node, data) };
  const given = Object.entries(data).map(([name, value]) => [
    name,
    complete(node.properties?.[name] ?? {}, value, sectionIn(filling, name)),
  ]);
  const filledIn = Object.entries(filling).filter(([name]) => mayBeLeftOut(node.properties?.[name] ?? {}));
  // A copy: defaults are filled in where it stands.
  return { ...structuredClone(Object.fromEntries(filledIn)), ...Object.fromEntries(given) };
}

/**
 * A preset fills in an optional section where the operator has opened it, and never opens one: whoever signs in with `login` is
 * not told that the `oauth` of the preset lacks a client.
 */
const mayBeLeftOut = (node: SchemaNode): boolean => node.type !== 'object' || isAlwaysThere(node);

const isAlwaysThere = (node: SchemaNode): boolean => node.type === 'object' && node.default !== undefined;

function sectionIn(filling: Readonly<Record<string, unknown>>, name: string): object | undefined {
  const value = Object.hasOwn(filling, name) ? filling[name] : undefined;
  return typeof value === 'object' && value !== null ? value : undefined;
}

function presetOf(node: SchemaNode, data: object): object | undefined {
  const presets = node['x-presets'] ?? {};
  const name = 'preset' in data && typeof data.preset === 'string' ? data.preset : '';
  return Object.hasOwn(presets, name) ? presets[name] : undefined;
}

function hasUnknownPreset({ node, value }: Located): boolean {
  if (node['x-presets'] === undefined || typeof value !== 'object' || value === null) return false;
  return 'preset' in value && presetOf(node, value) === undefined;
}

interface Located {
  readonly place: Place;
  readonly node: SchemaNode;
  readonly value: unknown;
  /** The value is judged as one: a secret, a choice of words. What the validator says of its inside is noise. */
  readonly whole: boolean;
}

/** Follows a JSON pointer through schema and data, as far as values are made of parts the operator knows. */
function locate(pointer: string, data: unknown): Located {
  const steps = pointer.split('/').slice(1);
  const place: (string | number)[] = [];
  let node = SETTINGS_SCHEMA;
  let value = data;
  for (const raw of steps) {
    if (isWhole(node)) break;
    const step = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    const isList = node.type === 'array';
    node = (isList ? node.items : node.properties?.[step]) ?? {};
    place.push(isList ? Number(step) : step);
    value = (value as Record<string, unknown> | undefined)?.[step];
  }
  return { place, node, value, whole: isWhole(node) };
}

function isWhole(node: SchemaNode): boolean {
  return node.anyOf !== undefined || node['x-kind'] !== undefined;
}

function unknownName(name: string, section: SchemaNode): string {
  const instead = section['x-instead'] ?? {};
  if (Object.hasOwn(instead, name)) return `there is no such setting; ${instead[name]}`;
  const siblings = Object.keys(section.properties ?? {});
  const meant = suggest({ name, siblings, schema: SETTINGS_SCHEMA });
  if (meant !== undefined) return `there is no such setting; did you mean ${meant}?`;
  return `there is no such setting here; known are ${siblings.join(', ')}`;
}

function missing(node: SchemaNode): string {
  const meaning = (node.description ?? '').replace(/\.$/, '');
  return `is missing; expected ${expectation(node)}${meaning === '' ? '' : ` (${meaning})`}`;
}

function wrongValue(node: SchemaNode, value: unknown): string {
  if (value === null) {
    const advice = node.default === undefined ? '' : ', or leave the line out for the default';
    return `is empty; expected ${expectation(node)}${advice}`;
  }
  return `expected ${expectation(node)}; found ${describeFound(node, value)}${hintFor(node, value)}`;
}

function hintFor(node: SchemaNode, value: unknown): string {
  if (typeof value === 'string' && value !== '' && (node.type === 'integer' || node.type === 'boolean')) {
    return ' (a text because of its quotes or its spelling)';
  }
  if (typeof value !== 'number' && typeof value !== 'boolean') return '';
  if (node['x-kind'] === 'duration') return ` (give it a unit, such as "${value}s")`;
  if (node['x-kind'] === 'socket-address') return ` (write ":${value}" or "127.0.0.1:${value}")`;
  return node.type === 'string' ? ' (put it in quotes)' : '';
}
