// Owns the file of a refresh token: read before each use, replaced as a whole where the server has given a new one.

import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createTurns } from './turns.ts';

export interface RefreshTokenFile {
  /** The token to use next. Throws the system's error where the file cannot be read. */
  current(): Promise<string>;
  /**
   * Puts another one in its place, on the disk when this resolves. Where that fails it is kept in memory, and the error is
   * returned; a file that somebody has written since then counts more.
   */
  replace(token: string): Promise<Error | undefined>;
  /** One at a time in this process: two that spend the same token at once could get its whole family revoked (RFC 9700 §4.14.2). */
  alone<T>(run: () => Promise<T>): Promise<T>;
}

/** By path: what is held in memory outlives a reload, around which two generations of the settings use the same file for a moment. */
const files = new Map<string, RefreshTokenFile>();

export function openRefreshTokenFile(path: string): RefreshTokenFile {
  const file = files.get(path) ?? createRefreshTokenFile(path);
  files.set(path, file);
  return file;
}

function createRefreshTokenFile(path: string): RefreshTokenFile {
  let unsaved: { readonly token: string; readonly insteadOf: string } | undefined;

  async function read(): Promise<string> {
    return (await readFile(path, 'utf8')).trim();
  }

  return {
    async current() {
      // Whatever stands in the way of that, the file itself is read then.
      await finishReplacing(path).catch(() => undefined);
      const inFile = await read();
      if (unsaved?.insteadOf !== inFile) unsaved = undefined;
      return unsaved?.token ?? inFile;
    },
    async replace(token) {
      try {
        await writeWhole(await realpath(path), `${token}\n`);
        unsaved = undefined;
        return undefined;
      } catch (error) {
        const insteadOf = await read().catch(() => '');
        unsaved = { token, insteadOf };
        return error as Error;
      }
    },
    alone: createTurns(1),
  };
}

/** Whatever happens in between, the file holds the old text or the new one. */
async function writeWhole(path: string, text: string): Promise<void> {
  const draft = draftOf(path);
  await rm(draft, { force: true });
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await putInPlace(draft, path);
}

/**
 * After a crash in the middle of a replacement the draft may hold the only token that the server still takes. A draft without
 * its last newline is cut; one that is older than the file was overtaken by who wrote that.
 */
async function finishReplacing(given: string): Promise<void> {
  const path = await realpath(given);
  const draft = draftOf(path);
  const [drafted, inPlace] = await Promise.all([stat(draft), stat(path)]);
  if (drafted.mtimeMs < inPlace.mtimeMs || !(await readFile(draft, 'utf8')).endsWith('\n')) return;
  await putInPlace(draft, path);
}

function draftOf(path: string): string {
  return `${path}.new`;
}

async function putInPlace(draft: string, path: string): Promise<void> {
  await rename(draft, path);
  const folder = await open(dirname(path), 'r');
  try {
    // Only this makes the new name outlast a power failure.
    await folder.sync();
  } finally {
    await folder.close();
  }
}
