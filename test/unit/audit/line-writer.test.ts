// Lines reach standard output however the process ends, and a reader that stalls or leaves does not hurt the process.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLineWriter } from '../../../src/audit/line-writer.ts';

const AUDIT = new URL('../../../src/audit/audit.ts', import.meta.url).href;
const PRELUDE = `
  import { createAudit } from ${JSON.stringify(AUDIT)};
  const audit = createAudit({ settings: { level: 'info', listen: { host: '127.0.0.1', port: 0 } } });
  const say = (lines) => { for (let i = 0; i < lines; i++) audit.events.keyRotated({ keyId: 'key' + i }); };
`;

function run(
  script: string,
): ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream } {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PRELUDE + script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child as ReturnType<typeof run>;
}

async function linesOf(script: string): Promise<string[]> {
  const output = await text(run(script).stdout);
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).keyId ?? JSON.parse(line).event);
}

const all = (count: number) => Array.from({ length: count }, (_, i) => `key${i}`);

describe('lines are kept', () => {
  test.each([
    ['the event loop runs dry', 'say(2000);'],
    ['process.exit is called', 'say(2000); process.exit(0);'],
    ['an exception is not caught', 'say(2000); throw new Error("fatal");'],
    ['the journal is closed', 'say(2000); await audit.close();'],
    [
      'some lines come later',
      'say(1000); setTimeout(() => { for (let i = 1000; i < 2000; i++) audit.events.keyRotated({ keyId: "key" + i }); process.exit(0); }, 60);',
    ],
  ])('when %s', async (_name, script) => {
    // A write that is under way at the end may land after the rest: the lines are whole, their order is in their time.
    expect((await linesOf(script)).sort()).toEqual(all(2000).sort());
  });

  test('in order, when they come after close', async () => {
    expect(await linesOf('say(3); await audit.close(); audit.events.stopped({}); process.exit(0);')).toEqual([
      ...all(3),
      'stopped',
    ]);
  });

  test('when the reader is slower than the writer', async () => {
    const child = run('say(20000); await audit.close();');
    child.stdout.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await text(child.stdout)).trim().split('\n')).toHaveLength(20_000);
  });
});

describe('a process whose journal cannot be written', () => {
  test('goes on when the reader has left, and still ends', async () => {
    const child = run(`
      say(1);
      process.stdin.resume();
      setInterval(() => say(1), 5);
      setTimeout(() => { process.stderr.write('alive'); process.exit(0); }, 400);
    `);
    await once(child.stdout, 'data');
    (child.stdout as NodeJS.ReadableStream & { destroy(): void }).destroy();
    const errors = text(child.stderr);
    const [code] = await once(child, 'exit');
    expect([code, await errors]).toEqual([0, 'alive']);
  });

  test('counts what is lost', async () => {
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    let lost = 0;
    const writer = createLineWriter({
      descriptor: full,
      maxCharacters: 100,
      onLost: (lines) => {
        lost += lines;
      },
    });
    for (let i = 0; i < 30; i++) {
      writer.write('123456789\n');
    }
    expect(lost).toBe(20);
    await writer.close();
    expect(lost).toBe(30);
  });
});
