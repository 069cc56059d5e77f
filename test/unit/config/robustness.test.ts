// Whatever stands in the file, loading it ends with settings or faults, never with an exception.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadSettings } from '../../../src/config/load.ts';
import { renderReference } from '../../../src/config/reference.ts';
import { load, SOUND } from './configuration.ts';

type Step = string | number;

const complete: unknown = parse(renderReference().replace(/^(\s*)#(?=\S)/gm, '$1'));

function everyPlace(value: unknown, place: Step[] = []): Step[][] {
  if (typeof value !== 'object' || value === null) return [place];
  const entries: [Step, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [place, ...entries.flatMap(([step, inner]) => everyPlace(inner, [...place, step]))];
}

function withValue(place: Step[], replacement: unknown): unknown {
  const copy = { root: structuredClone(complete) };
  let target = copy as unknown as Record<Step, unknown>;
  let last: Step = 'root';
  for (const step of place) {
    target = target[last] as Record<Step, unknown>;
    last = step;
  }
  if (replacement === undefined) delete target[last];
  else target[last] = replacement;
  return copy.root;
}

const GARBAGE: unknown[] = [undefined, null, '', -1, true, [null], {}, 'a@b'];

const places = everyPlace(complete);
/** The file system answers everything, so that the checks behind it are reached. */
const readAnything = () => ({ content: Buffer.from('{"keys":[{}]}'), mode: 0o777 });

describe('loading', () => {
  it('bears any value in any place', () => {
    for (const [index, place] of places.entries()) {
      // Two of them in each place, in turn: the whole table would test the speed of the YAML parser and of OpenSSL.
      for (const garbage of [0, 1].map((turn) => GARBAGE[(index * 3 + turn) % GARBAGE.length])) {
        const text = JSON.stringify(withValue(place, garbage)) ?? '';
        const loaded = loadSettings({ text, file: '/x.yaml', environment: {}, readFile: readAnything });
        expect(Object.keys(loaded).length, `${place.join('.')} = ${JSON.stringify(garbage)}`).toBeGreaterThan(
          0,
        );
      }
    }
  }, 600_000);

  it('names the place, or one above or below it, when a value of the wrong kind stands there', () => {
    for (const place of places.filter((candidate) => candidate.length > 0)) {
      const loaded = load(JSON.stringify(withValue(place, { nobody: 'knows this' })));
      if (!('faults' in loaded)) throw new Error(`${place.join('.')} took a section nobody knows`);
      const section = String(place[0]);
      expect(
        loaded.faults.some(({ path }) => path.startsWith(section)),
        place.join('.'),
      ).toBe(true);
    }
  });

  it('bears any text', () => {
    const pieces = fc.constantFrom(
      ...SOUND.split(/(?<=[\s:])/),
      '&a ',
      '*a',
      '- ',
      '? ',
      '|\n',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '#',
      '!',
      '%',
      '---\n',
      '\t',
      '\0',
      '\uD800',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 60 }), (parts) => {
        expect(Object.keys(load(parts.join(''))).length).toBeGreaterThan(0);
      }),
      { numRuns: 200 },
    );
  });
});
