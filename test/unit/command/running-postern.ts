// A folder with a configuration and a Postern that answers at its administration socket, as far as commands can tell.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { LiveSession } from '../../../src/administration/door.ts';
import { createAdministration } from '../../../src/administration/server.ts';
import { type Situation, situation } from '../administration/situation.ts';

export interface RunningPostern {
  readonly directory: string;
  readonly socket: string;
  start(...sessions: LiveSession[]): Promise<Situation>;
  /** Writes a file below the folder. */
  write(file: string, text: string): void;
}

/** Registers its own beginning and end with the test file that calls it. */
export function runningPostern(): RunningPostern {
  let directory = '';
  let stop: (() => Promise<void>) | undefined;
  const write = (file: string, text: string): void => {
    mkdirSync(join(directory, file, '..'), { recursive: true });
    writeFileSync(join(directory, file), text);
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'postern-ask-'));
    write('postern.yaml', 'administration:\n  socket: run/admin.sock\n');
  });
  afterEach(async () => {
    await stop?.();
    stop = undefined;
    rmSync(directory, { recursive: true });
  });

  return {
    get directory() {
      return directory;
    },
    get socket() {
      return join(directory, 'run', 'admin.sock');
    },
    write,
    async start(...sessions) {
      const door = situation(...sessions);
      const administration = createAdministration({
        ...door,
        settings: { socket: join(directory, 'run', 'admin.sock') },
      });
      await administration.listen();
      stop = () => administration.close();
      return door;
    },
  };
}
