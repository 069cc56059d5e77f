// Owns a server of somebody else's that does not say when it is ready: it is once its port is taken. Ended by its process group.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { noteProcessGroup } from './folder.ts';
import { isFree } from './ports.ts';
import { programEnvironment } from './program.ts';
import { until } from './until.ts';

export interface Daemon {
  /** What it has written to its standard output and error. */
  written(): string;
  /** Ends it and its children, and waits until its port is free. */
  end(): Promise<void>;
}

export interface DaemonOptions {
  readonly folder: string;
  /** On 127.0.0.1. */
  readonly port: number;
  /** Called again and again with its process id until it is ready. */
  readonly whileStarting?: (pid: number) => void;
  /** Milliseconds it may take to start; 20 s where it is left out. */
  readonly startLimit?: number;
}

const MAX_WRITTEN = 1_000_000;

export async function startDaemon(
  program: string,
  parameters: readonly string[],
  options: DaemonOptions,
): Promise<Daemon> {
  const { folder, port, whileStarting, startLimit } = options;
  const child = spawn(program, parameters, {
    cwd: folder,
    env: programEnvironment(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      if (written.length < MAX_WRITTEN) written += bytes.toString('latin1');
    });
  }
  const pid = child.pid;
  if (pid === undefined) {
    const [error] = await once(child, 'error');
    throw new Error(`${program} cannot be run: ${(error as Error).message}`);
  }
  const forget = noteProcessGroup(pid);
  const gone = () => child.exitCode !== null || child.signalCode !== null;

  async function end(): Promise<void> {
    const ended = gone() ? undefined : once(child, 'exit');
    signalGroup(pid as number, 'SIGTERM');
    const late = setTimeout(() => signalGroup(pid as number, 'SIGKILL'), 10_000);
    await ended?.finally(() => clearTimeout(late));
    clearTimeout(late);
    await until(() => isFree(port), `${program} to end`);
    // Its children: whoever was in the middle of a session.
    signalGroup(pid as number, 'SIGKILL');
    forget();
  }

  try {
    await until(
      async () => {
        if (gone()) throw new Error(`${program} ended before it was ready`);
        if (!(await isFree(port))) return true;
        whileStarting?.(pid);
        return false;
      },
      `${program} to listen`,
      startLimit,
    );
  } catch (error) {
    await end();
    throw new Error(`${(error as Error).message}:\n${written}`);
  }
  return { written: () => written, end };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in it.
  }
}
