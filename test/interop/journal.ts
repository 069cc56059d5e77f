// What a Postern process has written: its journal, read line by line.

import { leakedSecrets } from '../support/leaked-secrets.ts';
import { until } from './until.ts';

export type JournalLine = Readonly<Record<string, unknown>> & { readonly event: string };

export interface Journal {
  lines(): JournalLine[];
  /** The last line for which this holds, as soon as it is written. */
  find(isWanted: (line: JournalLine) => boolean, what: string): Promise<JournalLine>;
  /** Lines that hold one of the secrets or a telling part of it. */
  leaks(secrets: readonly string[]): string[];
}

export function readJournal(written: () => readonly string[]): Journal {
  // npm and faults at start write lines of their own.
  const texts = () => written().filter((line) => line.startsWith('{'));
  const lines = () => texts().map((line) => JSON.parse(line) as JournalLine);
  return {
    lines,
    find: (isWanted, what) => until(() => lines().findLast(isWanted), `${what} in the journal`),
    leaks: (secrets) => leakedSecrets(written(), secrets),
  };
}
