// What a command finds around it: streams, environment, working directory. Handed in, so that commands can be tested.

import type { Readable, Writable } from 'node:stream';

export interface Surroundings {
  readonly input: Readable & { readonly isTTY?: boolean; readonly fd?: number };
  /** For results only: a program may read it. */
  readonly output: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** For people: messages, progress, errors. */
  readonly errors: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Paths on the command line count from here. */
  readonly directory: string;
}

/** What a command is registered with. */
export interface CommandLine {
  readonly surroundings: Surroundings;
  /** Runs a command's work; its result is the exit code, what it throws is told to people. */
  run(work: () => Promise<number>): Promise<void>;
}

/** Exit codes, as `postern --help` documents them. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** What a server said may be a part of the text: nothing in it moves the cursor or turns the writing round. */
export function say(stream: Writable, text: string): void {
  stream.write(`${text.replace(/[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}]/gu, '?')}\n`);
}

/**
 * One JSON document on standard output, for programs; and for the terminal of whoever tries it: JSON leaves in the text what moves
 * the cursor (C1) or turns the writing round, and claims of a token may hold it.
 */
export function sayJson({ output }: Surroundings, value: unknown): void {
  const text = JSON.stringify(value, null, 2);
  output.write(`${text.replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, escaped)}\n`);
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
