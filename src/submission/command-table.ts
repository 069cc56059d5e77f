// Owns which command may run when: one table for before sign-in, one for after it.

import type { Refusal, RefusalCode } from '../refusal.ts';
import type { Reply } from '../relay/connection/reply.ts';

/** What a command is answered with; undefined where it answers for itself. */
export type Outcome = Reply | Refusal | undefined;
export type Verb = (line: string) => Promise<Outcome> | Outcome;

export interface CommandTable {
  /** What a client may say before it has signed in, and after. */
  readonly before: Readonly<Record<string, Verb>>;
  /** Everything else; refused with 530 until then. */
  readonly after: Readonly<Record<string, Verb>>;
}

/** The first word of a command line, in upper case. */
export const verbOf = (line: string): string => /^[A-Za-z]*/.exec(line)?.[0].toUpperCase() ?? '';

/** The command's function, or why it may not run now. */
export function permitted(options: {
  table: CommandTable;
  /** {@link verbOf} the line. */
  verb: string;
  line: string;
  secure: boolean;
  signedIn: boolean;
}): Verb | RefusalCode {
  const { table, verb, line } = options;
  const before = own(table.before, verb);
  if (before) return before;
  const after = own(table.after, verb);
  // A browser made to speak to this port by a page (cross-protocol scripting).
  if (!after && / HTTP\/[0-9.]+$/.test(line)) return 'too-many-commands';
  if (!after) return 'command-unknown';
  if (!options.secure) return 'tls-required';
  return options.signedIn ? after : 'login-required';
}

const own = (table: Readonly<Record<string, Verb>>, verb: string): Verb | undefined =>
  Object.hasOwn(table, verb) ? table[verb] : undefined;
