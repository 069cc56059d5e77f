// Sessions resumed by another process of the same store: real processes, a real file.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { makeAuthority } from '../../support/certificate-maker.ts';
import { makeFolder, writePair } from './situation.ts';
import { visit } from './wire.ts';

const SCRIPT = new URL('server-process.ts', import.meta.url).pathname;

/** The port of a new process. It ends with the test, or with the process that runs it. */
async function startServer(parameters: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [SCRIPT, ...parameters], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) return Number(line);
  throw new Error('the server process has ended');
}

it('a client that uses each ticket once resumes every time, whichever process it comes to', async () => {
  const folder = makeFolder();
  const issued = await (await makeAuthority()).issue({ names: ['mail.example.org'] });
  const files = writePair(folder, 'server', issued);
  // Both at the first start of the store, in the same moment.
  const parameters = [join(folder, 'postern.sqlite'), files.certificate, files.key];
  const ports = await Promise.all([startServer(parameters), startServer(parameters)]);
  expect(new Set(ports).size).toBe(2);

  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    const options = { servername: 'mail.example.org', maxVersion };
    const [first = 0, second = 0] = ports;
    let [ticket] = (await visit(first, options)).tickets;
    const said = [];
    for (let time = 0; time < 10; time += 1) {
      const next = await visit(time % 2 === 0 ? second : first, { ...options, session: ticket });
      said.push(next.said);
      ticket = maxVersion === 'TLSv1.3' ? next.tickets[0] : ticket;
    }
    expect(said).toEqual(Array(10).fill('resumed'));
  }
});
