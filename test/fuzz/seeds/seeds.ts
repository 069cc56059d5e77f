// The committed seeds of the fuzz tests, what is made of them, and how long a run may take.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';

/**
 * How much is tried. By default a fixed number of runs from a fixed seed, so that a build fails only for what was changed;
 * with FUZZ_SECONDS=n every property runs n seconds from a new seed, which is printed where it fails.
 */
export function effort<Values>(runs: number): fc.Parameters<Values> {
  const seconds = Number(process.env['FUZZ_SECONDS'] ?? 0);
  if (seconds <= 0) return { seed: 7628, numRuns: runs };
  return {
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: seconds * 1000,
    markInterruptAsFailure: false,
  };
}

/** Time limit of one test, in milliseconds. */
export const PATIENCE = 120_000 + Number(process.env['FUZZ_SECONDS'] ?? 0) * 2000;

/** Inputs worth keeping: each was once an attack, an example, or the shrunk form of a failure. */
export function readSeeds(name: 'sasl' | 'header' | 'originators' | 'bdat'): string[] {
  return JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8'));
}

/** Seeds cut up and put together anew, with arbitrary octets between: near misses of what once mattered. */
export function mutations(seeds: readonly string[]): fc.Arbitrary<string> {
  const piece = fc
    .tuple(fc.constantFrom(...seeds), fc.nat(), fc.nat())
    .map(([seed, one, other]) => slice(seed, one % (seed.length + 1), other % (seed.length + 1)));
  const octets = fc.string({ minLength: 1, maxLength: 3, unit: 'binary' });
  const whole = fc.constantFrom(...seeds);
  return fc
    .array(fc.oneof({ weight: 4, arbitrary: piece }, { weight: 2, arbitrary: whole }, octets), {
      maxLength: 5,
    })
    .map((pieces) => pieces.join(''));
}

function slice(text: string, one: number, other: number): string {
  return text.slice(Math.min(one, other), Math.max(one, other));
}
