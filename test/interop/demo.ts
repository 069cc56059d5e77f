// Owns the demo as a newcomer starts it: `npm start` in a copy of the project's folder, so that its data is a copy too.

import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder, removeFolder } from './folder.ts';
import { fetchAppToken } from './gate.ts';
import { type Journal, readJournal } from './journal.ts';
import { isFree } from './ports.ts';
import { programEnvironment } from './program.ts';
import { startServerProcess } from './server-process.ts';

/** The names and ports that the demo promises. */
export const DEMO = {
  issuer: 'http://localhost:8080',
  identityProvider: 'http://localhost:8081',
  starttls: 1587,
  implicit: 1465,
  health: 'http://127.0.0.1:9090',
  client: { id: 'demo-app', secret: 'demo-app-secret' },
  sender: 'app@example.org',
};
const PORTS = [8080, 8081, 1587, 1465, 1025, 9090];

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

export interface Demo {
  /** The project's folder as the demo sees it; `data/demo` lies in it. */
  readonly folder: string;
  readonly ca: string;
  /** What a program run there needs to find node and npm. */
  readonly environment: Readonly<Record<string, string>>;
  readonly journal: Journal;
  token(): Promise<string>;
  /** The `.eml` files of the inbox, oldest first. */
  inbox(): Buffer[];
  close(): Promise<void>;
}

/** @param options.offer mechanisms offered, where not the demo's own */
export async function startDemo(options: { offer?: readonly string[] } = {}): Promise<Demo> {
  await checkPorts();
  const folder = makeFolder('demo');
  for (const name of ['src', 'node_modules', 'test']) symlinkSync(join(PROJECT, name), join(folder, name));
  cpSync(join(PROJECT, 'package.json'), join(folder, 'package.json'));
  cpSync(join(PROJECT, 'config'), join(folder, 'config'), { recursive: true });
  if (options.offer) offerOnly(join(folder, 'config/demo.yaml'), options.offer);
  mkdirSync(join(folder, 'bin'));
  const command = `#!/bin/sh\nexec node '${join(PROJECT, 'src/main.ts')}' "$@"\n`;
  writeFileSync(join(folder, 'bin/postern'), command, { mode: 0o755 });
  const environment = programEnvironment(folder, { PATH: `${join(folder, 'bin')}:${process.env['PATH']}` });

  const running = await startServerProcess('npm', ['start'], {
    folder,
    environment,
    isReady: (line) => line.includes('"event":"started"'),
    timeLimit: 60_000,
  });
  const inbox = join(folder, 'data/demo/inbox');
  return {
    folder,
    ca: join(folder, 'data/demo/ca.pem'),
    environment,
    journal: readJournal(() => running.lines),
    token: () => fetchAppToken(DEMO),
    inbox: () =>
      readdirSync(inbox)
        .filter((name) => name.endsWith('.eml'))
        .sort()
        .map((name) => readFileSync(join(inbox, name))),
    async close() {
      await running.end('SIGTERM');
      removeFolder(folder);
    },
  };
}

async function checkPorts(): Promise<void> {
  const free = await Promise.all(PORTS.map(isFree));
  const taken = PORTS.filter((_port, index) => !free[index]);
  if (taken.length === 0) return;
  throw new Error(
    `the demo needs port ${taken.join(', ')} on 127.0.0.1, where another program listens; is a demo running? Stop it.`,
  );
}

function offerOnly(file: string, mechanisms: readonly string[]): void {
  const text = readFileSync(file, 'utf8');
  const changed = text.replace(
    '\nsubmission:\n',
    `\nsubmission:\n  mechanisms: [${mechanisms.join(', ')}]\n`,
  );
  if (changed === text) throw new Error(`${file} has no section "submission" any more`);
  writeFileSync(file, changed);
}
