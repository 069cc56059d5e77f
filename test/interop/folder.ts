// Owns the folders the tests write into, all under one that run.sh removes, and the notes of what has to be ended.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = process.env['POSTERN_INTEROP_FOLDER'] ?? tmpdir();

/** A new folder that other users may enter, since Postfix and its parts are other users. */
export function makeFolder(name: string): string {
  mkdirSync(ROOT, { recursive: true });
  const folder = mkdtempSync(join(ROOT, `${name}-`));
  chmodSync(folder, 0o755);
  return folder;
}

export function removeFolder(folder: string): void {
  // Again while a program that was told to end still writes there.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}

/** For run.sh, should this process be killed: the group that `pid` leads is to be ended. */
export function noteProcessGroup(pid: number): () => void {
  const note = join(ROOT, `${pid}.pid`);
  writeFileSync(note, '');
  return () => rmSync(note, { force: true });
}
