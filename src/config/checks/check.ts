// What a check of settings is: what it reads, and what it is given.

import type { Findings } from '../fault.ts';
import type { ReadFile } from '../files.ts';
import type { Settings } from '../schema.ts';

/** What a check is given: sound settings, at least those it reads. */
export interface CheckInput {
  readonly settings: Settings;
  readonly findings: Findings;
  readonly readFile: ReadFile;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Check {
  /** Sections that must be without fault for the check to make sense. */
  readonly reads: readonly string[];
  readonly run: (input: CheckInput) => void;
}
