// The file in which `postern token` keeps a person's sign-ins: readable by its owner only, never half written.

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { CommandFailure } from './failure.ts';

/** One sign-in: at one issuer, of one client, for one set of scopes. */
export interface Credential {
  readonly issuer: string;
  readonly clientId: string;
  /** Scopes asked for, which the issuer may have narrowed. */
  readonly askedScope: string;
  readonly scope: string;
  readonly refreshToken: string | undefined;
  readonly accessToken: string;
  /** Seconds since the epoch; undefined where the issuer did not say. */
  readonly expiresAt: number | undefined;
  /** Whose it is, where the issuer told. */
  readonly address: string | undefined;
}

const MAX_BYTES = 256 * 1024;
const VERSION = 1;

/** `$XDG_CONFIG_HOME/postern/credentials.json`, else under `~/.config`. */
export function defaultCredentialFile(environment: Readonly<Record<string, string | undefined>>): string {
  const configured = environment['XDG_CONFIG_HOME'];
  // XDG Base Directory Specification: a relative path is invalid and to be ignored.
  const folder = configured !== undefined && isAbsolute(configured) ? configured : join(homedir(), '.config');
  return join(folder, 'postern', 'credentials.json');
}

/** Empty where there is no file yet. Throws a CommandFailure where others may read it, or where it is something else. */
export async function readCredentials(file: string): Promise<readonly Credential[]> {
  let handle: FileHandle;
  try {
    handle = await open(file, constants.O_RDONLY);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw new CommandFailure(`cannot read ${file}: ${codeOf(error)}`);
  }
  try {
    await checkOwnership(handle, file);
    return parse(await handle.readFile('utf8'), file);
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(`cannot read ${file}: ${codeOf(error)}`);
  } finally {
    await handle.close();
  }
}

/** Replaces the file as a whole: whoever is killed in between leaves the old one. To be called under the lock. */
export async function writeCredentials(file: string, signIns: readonly Credential[]): Promise<void> {
  const fresh = `${file}.new`;
  try {
    // What a killed run left. With exclusive creation no link that somebody put there is followed.
    await rm(fresh, { force: true });
    if (signIns.length === 0) return await rm(file, { force: true });
    const handle = await open(fresh, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify({ version: VERSION, signIns }, undefined, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw new CommandFailure(`cannot write ${file}: ${codeOf(error)}`);
  }
}

/** Makes the file's folder, for its owner alone, where it is missing. */
export async function makeFolder(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CommandFailure(`cannot make the folder ${dirname(file)}: ${codeOf(error)}`);
  }
}

/** Asks the open file, not its name: nobody can swap it in between. */
async function checkOwnership(handle: FileHandle, file: string): Promise<void> {
  const about = await handle.stat();
  if (!about.isFile() || about.size > MAX_BYTES) throw notOurs(file);
  if (process.platform === 'win32') return;
  if (about.uid !== process.getuid?.()) {
    throw new CommandFailure(`${file} belongs to another user`, { advice: ELSEWHERE });
  }
  if ((about.mode & 0o077) === 0) return;
  throw new CommandFailure(`others can read ${file} (mode ${(about.mode & 0o777).toString(8)})`, {
    advice: `Run "chmod 600 ${file}". Where they may have done so, also "postern token --sign-out", then sign in again.`,
  });
}

const ELSEWHERE = 'Move it away, or choose another place with --file.';

function parse(text: string, file: string): readonly Credential[] {
  try {
    const value = JSON.parse(text) as { version?: unknown; signIns?: unknown } | null;
    if (value?.version === VERSION && Array.isArray(value.signIns)) {
      const signIns: unknown[] = value.signIns;
      if (signIns.every(isCredential)) return signIns;
    }
  } catch {
    // Not even JSON.
  }
  throw notOurs(file);
}

function isCredential(value: unknown): value is Credential {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Record<string, unknown>;
  const isText = (name: string) => typeof entry[name] === 'string';
  return (
    ['issuer', 'clientId', 'askedScope', 'scope', 'accessToken'].every(isText) &&
    ['refreshToken', 'address'].every((name) => isText(name) || entry[name] === undefined) &&
    (typeof entry['expiresAt'] === 'number' || entry['expiresAt'] === undefined) &&
    URL.canParse(entry['issuer'] as string)
  );
}

/** It may be something of the person's own, so it is not overwritten. */
function notOurs(file: string): CommandFailure {
  return new CommandFailure(`${file} does not hold sign-ins of "postern token"`, { advice: ELSEWHERE });
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; there the rename alone has to do.
  if (process.platform === 'win32') return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
