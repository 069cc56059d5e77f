// Owns a server run as a process of its own: started until it says that it is ready, watched, killed, measured.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { noteProcessGroup } from './folder.ts';

export interface ServerProcess {
  readonly pid: number;
  /** What it has written, line by line. */
  readonly lines: readonly string[];
  /** Sends a signal to it and all it has started, and waits for its end. */
  end(signal: NodeJS.Signals): Promise<void>;
}

export interface ServerProcessOptions {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** A line that says that it is ready. */
  readonly isReady: (line: string) => boolean;
  /** Milliseconds. */
  readonly timeLimit?: number;
}

export async function startServerProcess(
  program: string,
  parameters: readonly string[],
  options: ServerProcessOptions,
): Promise<ServerProcess> {
  const child = spawn(program, parameters, {
    cwd: options.folder,
    env: options.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const lines: string[] = [];
  const pid = child.pid;
  if (pid === undefined) {
    const [error] = await once(child, 'error');
    throw new Error(`${program} cannot be run: ${(error as Error).message}`);
  }
  const forget = noteProcessGroup(pid);
  child.once('exit', forget);
  try {
    await untilReady({ child, lines, options, program });
  } catch (error) {
    await end(child, 'SIGKILL');
    throw error;
  }
  return { pid, lines, end: (signal) => end(child, signal) };
}

async function untilReady(given: {
  child: ChildProcess;
  lines: string[];
  options: ServerProcessOptions;
  program: string;
}): Promise<void> {
  const { child, lines, options, program } = given;
  const limit = options.timeLimit ?? 120_000;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (options.isReady(line)) resolve();
    });
  }
  const fail = (what: string): void => reject(new Error(`${program} ${what}:\n${lines.join('\n')}`));
  child.once('close', (code) => fail(`ended with ${code} before it was ready`));
  const late = setTimeout(() => fail(`was not ready within ${limit} ms`), limit);
  await promise.finally(() => clearTimeout(late));
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  process.kill(-(child.pid as number), signal);
  const late = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), 20_000);
  await ended.finally(() => clearTimeout(late));
}

/** Resident memory now and at its highest since {@link forgetPeak}, in bytes. Linux: proc(5). */
export function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const figure = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
  return { now: figure('VmRSS'), peak: figure('VmHWM') };
}

/** From now on the peak is counted anew. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
