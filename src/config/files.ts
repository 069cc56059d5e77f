// Reading the files that a configuration names: bounded, and with failures in plain words.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** One file as the configuration's reader needs it. */
export interface FileReading {
  readonly content: Buffer;
  /** Permission bits, such as 0o600. */
  readonly mode: number;
}

/** Reads one file or throws the system's error. Injected, so that loading stays free of a disk. */
export type ReadFile = (path: string) => FileReading;

/** Certificates, key sets and secrets are small; a device or a mistyped path to a log is not. */
const MAX_BYTES = 4 * 1024 * 1024;

export const readFileFromDisk: ReadFile = (path) => {
  const handle = openSync(path, 'r');
  try {
    const status = fstatSync(handle);
    if (!status.isFile()) {
      throw Object.assign(new Error('not a regular file'), {
        code: status.isDirectory() ? 'EISDIR' : 'ENOTFILE',
      });
    }
    if (status.size > MAX_BYTES) throw Object.assign(new Error('too large'), { code: 'EFBIG' });
    const content = Buffer.alloc(status.size);
    const length = readSync(handle, content, 0, content.length, 0);
    return { content: content.subarray(0, length), mode: status.mode & 0o777 };
  } finally {
    closeSync(handle);
  }
};

/** `there is no file /etc/postern/key.pem`: why a file could not be read. */
export function whyUnreadable(path: string, error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `there is no file ${path}`;
    case 'EACCES':
    case 'EPERM':
      return `Postern may not read ${path}; check its owner and permissions`;
    case 'EISDIR':
      return `${path} is a folder, not a file`;
    case 'EFBIG':
      return `${path} is larger than ${MAX_BYTES / 1024 / 1024} MiB`;
    case 'ENOTFILE':
      return `${path} is not a regular file`;
    default:
      return `${path} cannot be read${code === '' ? '' : ` (${code})`}`;
  }
}
