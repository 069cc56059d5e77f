// Surroundings for a command under test: streams in memory, nothing of the machine's own.

import { PassThrough, Readable, Writable } from 'node:stream';
import { runProgram } from '../../../src/command/program.ts';
import type { Surroundings } from '../../../src/command/surroundings.ts';

export interface TestSurroundings extends Surroundings {
  readonly printed: () => string;
  readonly told: () => string;
}

export function surroundings(
  more: {
    input?: string | Readable;
    environment?: Record<string, string>;
    directory?: string;
    terminalWidth?: number;
  } = {},
): TestSurroundings {
  const output = collector();
  const errors = collector();
  const source = more.input ?? '';
  return {
    input: typeof source === 'string' ? Readable.from([source]).pipe(new PassThrough()) : source,
    output: output.stream,
    errors: Object.assign(
      errors.stream,
      more.terminalWidth === undefined ? {} : { isTTY: true, columns: more.terminalWidth },
    ),
    environment: more.environment ?? {},
    directory: more.directory ?? '/nowhere',
    printed: output.text,
    told: errors.text,
  };
}

/** Runs a command line; what it printed, told people, and ended with. */
export async function run(
  args: readonly string[],
  more: Parameters<typeof surroundings>[0] = {},
): Promise<{ exitCode: number; printed: string; told: string }> {
  const around = surroundings(more);
  const exitCode = await runProgram(args, around);
  return { exitCode, printed: around.printed(), told: around.told() };
}

function collector(): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return { stream, text: () => text };
}
