// Child processes of the measurements: start, wait for a line, CPU time spent, memory held, stop.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

export interface Child {
  readonly pid: number;
  /** CPU time of all threads so far, milliseconds. Linux only: read from /proc. */
  cpu(): number;
  /** Resident memory, bytes. */
  memory(): number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts `node` with these arguments and waits until its output holds `ready`. */
export async function startNode(
  args: readonly string[],
  ready: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<Child> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  await outputHolds(child, ready);
  // What it writes from now on is read and dropped, or it would block on a full pipe.
  child.stdout?.resume();
  child.stderr?.resume();
  const pid = child.pid as number;
  return {
    pid,
    cpu: () => cpuMilliseconds(pid),
    memory: () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

function outputHolds(child: ChildProcess, ready: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const give = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes(ready)) resolve();
    };
    child.stdout?.on('data', give);
    child.stderr?.on('data', give);
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it was ready:\n${output}`)));
  });
}

/** The scheduler's own figure for each thread, in nanoseconds; finer than the clock ticks of /proc/PID/stat. */
function cpuMilliseconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) => {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  });
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
}
