// Owns the running of other people's programs to their end: their input, their output, a limit on their time.

import { spawn } from 'node:child_process';

export interface ProgramOptions {
  /** Where it runs, and what it takes for the home of its user. */
  readonly folder: string;
  readonly input?: string | Buffer;
  readonly environment?: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly timeLimit?: number;
}

export interface ProgramResult {
  /** Exit code; -1 where it was ended by a signal. */
  readonly code: number;
  readonly output: string;
  readonly errors: string;
  /** Both. */
  readonly text: string;
}

const MAX_OUTPUT = 4 * 1024 * 1024;

/** Rejects where the program does not exist or does not end in time. */
export async function runProgram(
  program: string,
  parameters: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  const { folder, input = '', timeLimit = 120_000 } = options;
  const child = spawn(program, parameters, {
    cwd: folder,
    env: programEnvironment(folder, options.environment),
    stdio: 'pipe',
    // Its own group, so that what it has started ends with it.
    detached: true,
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  let length = 0;
  const keep = (list: Buffer[]) => (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_OUTPUT) list.push(chunk);
  };
  child.stdout.on('data', keep(output));
  child.stderr.on('data', keep(errors));
  // A program that does not read to the end has its reasons; its exit code tells.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);

  const code = await new Promise<number>((resolve, reject) => {
    const late = setTimeout(() => {
      endGroup(child.pid);
      reject(new Error(`${program} did not end within ${timeLimit} ms:\n${Buffer.concat(errors)}`));
    }, timeLimit);
    child.once('error', (error) => {
      clearTimeout(late);
      reject(new Error(`${program} cannot be run (${error.message}); test/interop/run.sh installs it`));
    });
    child.once('close', (status) => {
      clearTimeout(late);
      resolve(status ?? -1);
    });
  });
  const texts = { output: Buffer.concat(output).toString(), errors: Buffer.concat(errors).toString() };
  return { code, ...texts, text: texts.output + texts.errors };
}

/** Nothing of whoever runs the tests: no mail settings, no desktop, no proxy. */
export function programEnvironment(
  folder: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: folder,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    NO_PROXY: '*',
    ...more,
  };
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
