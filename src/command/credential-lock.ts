// Lets one `postern token` at a time use a refresh token: using it twice would end the grant (RFC 9700 §4.14.2).

import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFailure } from './failure.ts';

export interface LockTimes {
  /** How long to wait for another run, milliseconds. */
  readonly patience: number;
  /** A lock whose holder gives no sign for about so long is taken over, milliseconds; several times `heartbeat`. */
  readonly staleAfter: number;
  readonly heartbeat: number;
}

// Longer than the requests that are made under the lock may take.
const TIMES: LockTimes = { patience: 60_000, staleAfter: 10_000, heartbeat: 1_000 };
const POLL = 50;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `act` while holding `FILE.lock`. Throws a CommandFailure where it cannot be had in time.
 *
 * The holder touches the lock every second. A waiter watches for that with its own clock, so it needs neither process
 * numbers, which containers and restarts give out twice, nor clocks that agree, nor a machine that never sleeps.
 */
export async function withLock<T>(file: string, act: () => Promise<T>, times: LockTimes = TIMES): Promise<T> {
  const path = `${file}.lock`;
  const handle = await acquire(path, times);
  const beat = setInterval(() => {
    const now = new Date();
    handle.utimes(now, now).catch(() => undefined);
  }, times.heartbeat);
  const abandon = (signal: NodeJS.Signals) => {
    rmSync(path, { force: true });
    stopListening();
    process.kill(process.pid, signal);
  };
  const stopListening = () => {
    for (const signal of SIGNALS) process.removeListener(signal, abandon);
  };
  for (const signal of SIGNALS) process.once(signal, abandon);
  try {
    return await act();
  } finally {
    stopListening();
    clearInterval(beat);
    await release(path, handle);
  }
}

async function acquire(path: string, times: LockTimes): Promise<FileHandle> {
  const begun = performance.now();
  let seen: { readonly mark: string; readonly count: number } | undefined;
  for (;;) {
    const handle = await create(path);
    if (handle !== undefined) return handle;
    const mark = await markOf(path);
    if (mark !== undefined) seen = { mark, count: mark === seen?.mark ? seen.count + 1 : 0 };
    // Looks are counted, not time: a machine that stood still has not watched the holder meanwhile.
    if (seen !== undefined && seen.count * POLL > times.staleAfter) {
      await takeAway(path, seen.mark);
      seen = undefined;
    }
    if (performance.now() - begun > times.patience) throw busy(path);
    await sleep(POLL);
  }
}

function busy(path: string): CommandFailure {
  return new CommandFailure('another "postern token" is busy with the same file', {
    advice: `Try again in a moment. Where none is running, delete ${path}.`,
  });
}

/** Undefined where somebody holds it. */
async function create(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return undefined;
    throw new CommandFailure(`cannot make ${path}: ${code}`);
  }
}

/** Changes with every sign of life of the holder and with every holder. */
async function markOf(path: string): Promise<string | undefined> {
  try {
    const { ino, mtimeMs } = await lstat(path, { bigint: false });
    return `${ino} ${mtimeMs}`;
  } catch {
    return undefined;
  }
}

/** Of two waiters that find a lock stale one may be late and meet the other's new lock: that one is put back. */
async function takeAway(path: string, mark: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await markOf(aside)) !== mark) await link(aside, path);
  } catch {
    // Gone already, or taken again: the next turn of the loop sees.
  } finally {
    await rm(aside, { force: true });
  }
}

/** Only our own: it may have been taken over while this process was stopped. Open until then, so its inode is not reused. */
async function release(path: string, handle: FileHandle): Promise<void> {
  try {
    const [own, there] = await Promise.all([handle.stat(), lstat(path)]);
    if (own.ino === there.ino && own.dev === there.dev) await rm(path, { force: true });
  } catch {
    // Gone already.
  } finally {
    await handle.close();
  }
}
