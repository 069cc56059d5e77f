// Owns which settings a running Postern takes anew, and which need a restart.

import { isDeepStrictEqual } from 'node:util';
import type { Settings } from '../config/schema.ts';

/** Sections that hold state, ports or promises to others; the rest is the mail side, which a reload replaces as a whole. */
const FIXED: readonly (readonly string[])[] = [
  ['authorization'],
  ['token', 'signingKeys'],
  ['token', 'leeway'],
  ['token', 'audience'],
  ['store'],
  ['audit'],
  ['administration'],
  ['demo'],
];

/** A fault for each setting that has changed but cannot be taken anew. Secrets are compared, never shown. */
export function needsRestart(before: Settings, after: Settings): { path: string; message: string }[] {
  return FIXED.filter((path) => !isDeepStrictEqual(plain(at(before, path)), plain(at(after, path)))).map(
    (path) => ({
      path: path.join('.'),
      message: 'has changed, and that takes effect with a restart only; nothing of the new file is used yet',
    }),
  );
}

function at(settings: Settings, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (value as Record<string, unknown> | undefined)?.[name],
    settings,
  );
}

/** The same with each secret's text in its place: two that print alike may differ. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('reveal' in value && typeof value.reveal === 'function') return { secret: value.reveal() };
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}
