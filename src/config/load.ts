// A configuration file → Settings, or every fault of it at once.

import { dirname, resolve } from 'node:path';
import { CHECKS } from './checks/checks.ts';
import { parseConfig } from './document.ts';
import { type Fault, type Place, spellPlace } from './fault.ts';
import { type ReadFile, readFileFromDisk, whyUnreadable } from './files.ts';
import { convertKinds } from './kinds.ts';
import { SETTINGS_SCHEMA, type Settings } from './schema.ts';
import { fillAndCheckStructure } from './structure.ts';

export type Loaded =
  | {
      readonly settings: Settings;
      /** What is allowed but should be known: one line each, with its path. */
      readonly dangers: readonly string[];
    }
  | { readonly faults: readonly Fault[] };

/**
 * Reads a configuration. Pure apart from `readFile`, which reads the certificates, secrets and key sets it names;
 * relative paths count from the folder of `file`.
 */
export function loadSettings(given: {
  text: string;
  file: string;
  environment: Readonly<Record<string, string | undefined>>;
  readFile: ReadFile;
  /** Milliseconds since the epoch; certificates are judged by it. */
  now?: number;
}): Loaded {
  const document = parseConfig(given.text);
  if ('faults' in document) return document;

  const faults: Fault[] = [];
  const dangers: string[] = [];
  const faulty: Place[] = [];
  const findings = {
    fault: (place: Place, message: string): void => {
      faulty.push(place);
      const line = document.lineOf(place);
      faults.push({ path: spellPlace(place), message, ...(line === undefined ? {} : { line }) });
    },
    danger: (place: Place, message: string): void => {
      dangers.push(`${spellPlace(place)}: ${message}`);
    },
  };
  const isFaulty = (place: Place): boolean => faulty.some((other) => overlaps(other, place));

  const filled = fillAndCheckStructure(document.data, findings);
  const shapeless = [...faulty];
  const settings = convertKinds({
    schema: SETTINGS_SCHEMA,
    data: filled,
    skip: (place) => shapeless.some((other) => isWithin(place, other)),
    surroundings: {
      folder: dirname(resolve(given.file)),
      environment: given.environment,
      readFile: given.readFile,
      isDemo: typeof filled === 'object' && filled !== null && 'demo' in filled,
    },
    findings,
  }) as Settings;

  for (const check of CHECKS) {
    // A check sees only what is sound, so that one wrong word is reported once and the rest is still checked.
    if (check.reads.some((path) => isFaulty(path.split('.')))) continue;
    check.run({ settings, findings, readFile: given.readFile, now: given.now ?? Date.now() });
  }
  if (faults.length === 0) return { settings, dangers };
  return { faults: faults.sort((one, other) => (one.line ?? 0) - (other.line ?? 0)) };
}

/** {@link loadSettings} for a file on this machine; a file that cannot be read is a fault like any other. */
export function loadSettingsFile(
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): Loaded {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileFromDisk(file).content);
  } catch (error) {
    const message = error instanceof TypeError ? `${file} is not UTF-8 text` : whyUnreadable(file, error);
    return { faults: [{ path: '', message }] };
  }
  return loadSettings({ text, file, environment, readFile: readFileFromDisk });
}

function overlaps(one: Place, other: Place): boolean {
  return isWithin(one, other) || isWithin(other, one);
}

function isWithin(place: Place, around: Place): boolean {
  return around.every((step, index) => place[index] === step);
}
