// Owns the making of a UNIX socket that nobody but its owner can open, at no moment: its folder, its mode, its stale forebear.

import { chmodSync } from 'node:fs';
import { lstat, mkdir, stat, unlink } from 'node:fs/promises';
import { createConnection, type Server } from 'node:net';
import { dirname } from 'node:path';

/** unix(7): `sun_path` holds 108 bytes on Linux, 104 elsewhere, the last of them 0. A longer path would be cut. */
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;
const WRITABLE_BY_OTHERS = 0o022;
/** A process that lives accepts at once; one whose queue is full is alive too. */
const PROBE_MILLISECONDS = 1_000;

/**
 * Lets `server` listen at `path`, absolute. Closing the server removes the file.
 * @throws Error that says in one line what is wrong and what to do
 */
export async function listenPrivately({ server, path }: { server: Server; path: string }): Promise<void> {
  checkLength(path);
  await prepareFolder(dirname(path));
  await clearStale(path);
  try {
    await bind(server, path);
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') throw anotherRuns(path);
    throw new Error(`cannot make the socket ${path}: ${codeOf(error)}`);
  }
}

function checkLength(path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= MAX_PATH_BYTES) return;
  throw new Error(
    `${path} is ${length} bytes long; the path of a socket may have ${MAX_PATH_BYTES}; choose a shorter one`,
  );
}

/** Who may write in the folder could put a socket of their own in place of ours, and hear what is asked. */
async function prepareFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Error(`cannot make the folder ${folder}: ${codeOf(error)}`);
  }
  const { uid, mode } = await stat(folder);
  if (uid !== process.geteuid?.() && uid !== 0) {
    throw new Error(
      `the folder ${folder} belongs to another user; choose one that only Postern may write to`,
    );
  }
  if ((mode & WRITABLE_BY_OTHERS) === 0) return;
  throw new Error(
    `others may write to the folder ${folder} (mode ${(mode & 0o7777).toString(8)}); run "chmod go-w ${folder}", or choose another`,
  );
}

async function clearStale(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isSocket()) {
      throw new Error(`${path} exists and is not a socket; move it away, or choose another path`);
    }
    const state = await probe(path);
    if (state === 'alive') throw anotherRuns(path);
    if (state === 'foreign') {
      throw new Error(`${path} belongs to another user; move it away, or choose another path`);
    }
    await unlink(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw codeOf(error) === '' ? error : new Error(`cannot replace ${path}: ${codeOf(error)}`);
  }
}

/** A socket whose process has died refuses; anything else is left alone. */
function probe(path: string): Promise<'alive' | 'stale' | 'foreign'> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.setTimeout(PROBE_MILLISECONDS, () => settle('alive'));
    socket.once('connect', () => settle('alive'));
    socket.once('error', (error) => {
      const code = codeOf(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') settle('stale');
      else settle(code === 'EACCES' ? 'foreign' : 'alive');
    });
    function settle(state: 'alive' | 'stale' | 'foreign'): void {
      socket.destroy();
      resolve(state);
    }
  });
}

/**
 * The file appears inside `listen`, which calls bind(2) before it returns. With the mask around it there is no moment
 * in which somebody else could connect; a chmod afterwards alone would leave one.
 */
function bind(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.once('listening', () => {
    server.off('error', reject);
    resolve();
  });
  // 077, not 0177: a folder that another part makes in this instant, on another thread, must stay usable by its owner.
  const mask = process.umask(0o077);
  try {
    server.listen(path);
  } finally {
    process.umask(mask);
  }
  return promise.then(() => chmodSync(path, 0o600));
}

function anotherRuns(path: string): Error {
  return new Error(`another Postern is running: it answers at ${path}; stop it, or choose another path`);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
