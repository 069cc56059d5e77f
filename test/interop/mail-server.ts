// Owns what the tests ask of every mail server behind Postern, whichever program it is.

import { existsSync, readdirSync } from 'node:fs';
import { until } from './until.ts';

export interface MailServer {
  /** As people call it. */
  readonly name: string;
  /** On 127.0.0.1; STARTTLS with a certificate for `localhost`. */
  readonly port: number;
  /** What it has logged, for a failed test's message. */
  log(): string;
  /** Resolves when its queue is empty: all that it has taken lies at the sink. */
  settled(): Promise<void>;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

/** Resolves when none of these folders of a queue holds a file any more. */
export async function untilEmpty(folders: readonly string[], whose: string): Promise<void> {
  await until(() => folders.every(isEmpty), `the queue of ${whose} to be empty`);
}

function isEmpty(folder: string): boolean {
  if (!existsSync(folder)) return true;
  try {
    return !readdirSync(folder, { recursive: true, withFileTypes: true }).some((entry) => entry.isFile());
  } catch (error) {
    // OpenSMTPD has just done with a message, and removes the folder that it had.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
