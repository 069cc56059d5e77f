// The command line as a whole: help everywhere, exit codes that tell usage from failure, no stack traces at people.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CommandFailure, reportFailure } from '../../../src/command/failure.ts';
import { run, surroundings } from './surroundings.ts';

const COMMANDS = [
  ['serve'],
  ['token'],
  ['send'],
  ['sessions'],
  ['revoke'],
  ['explain'],
  ['check'],
  ['config', 'check'],
  ['config', 'reference'],
];
const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

describe('help', () => {
  it.each(COMMANDS)('of %s %s explains it with examples', async (...command) => {
    const { exitCode, printed, told } = await run([...command, '--help']);
    expect(exitCode).toBe(0);
    expect(printed).toContain(`Usage: postern ${command.join(' ')}`);
    expect(printed).toMatch(/Examples:\n {2}.*postern /);
    expect(told).toBe('');
  });

  it('of the whole names every command and the exit codes', async () => {
    const { exitCode, printed } = await run(['--help']);
    expect(exitCode).toBe(0);
    for (const [name] of COMMANDS) expect(printed).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    expect(printed).toContain('0 done, 1 failed, 2 wrong use');
  });

  it('offers no option that would take a secret', async () => {
    for (const command of COMMANDS) {
      const { printed } = await run([...command, '--help']);
      // `--token <file>` of `check` takes the name of a file, or - for standard input.
      expect(printed).not.toMatch(/--(password|secret|token|client-secret)[ ,](?!<file>|- )/);
    }
  });

  it('gives the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(await run(['--version'])).toEqual({ exitCode: 0, printed: `${version}\n`, told: '' });
  });
});

describe('wrong use ends with 2 and a hint', () => {
  it.each([
    [[]],
    [['dance']],
    [['config']],
    [['config', 'chekc']],
    [['serve', '--colour']],
    [['config', 'check']],
    [['config', 'check', 'a', 'b']],
    [['config', 'reference', '--json', '--markdown']],
    [['send']],
    [['send', '--to', 'nobody']],
    [['send', '--to', 'a@example.org', '--from', 'Bob <b@example.org>']],
    [['send', '--to', 'a@example.org', '--port', '0']],
    [['send', '--to', 'a@example.org', '--tls', 'none']],
    [['send', '--to', 'a@example.org', '--host', 'mail.example.org']],
    [['check']],
  ])('%j', async (args) => {
    const { exitCode, printed, told } = await run(args);
    expect(exitCode).toBe(2);
    expect(printed).toBe('');
    expect(told).not.toBe('');
    expect(told).not.toMatch(/^\s+at /m);
  });

  it('suggests the command that was meant', async () => {
    expect((await run(['serv'])).told).toContain('Did you mean serve?');
  });
});

describe('a fault', () => {
  const told = (error: unknown, debug: boolean): { exitCode: number; text: string } => {
    const around = surroundings();
    return { exitCode: reportFailure(error, { surroundings: around, debug }), text: around.told() };
  };

  it('that nobody expected is one line, and its details with --debug only', () => {
    const quiet = told(new TypeError('x is not a function\nsecond line'), false);
    expect(quiet.exitCode).toBe(1);
    expect(quiet.text).toBe(
      'postern: an unexpected fault: x is not a function\n  Run it again with --debug for the details.\n',
    );
    expect(told(new TypeError('x is not a function'), true).text).toMatch(/^\s+at /m);
  });

  it('that was expected says what to do, and never shows a stack', () => {
    const failure = new CommandFailure('it rains', { advice: 'Take an umbrella.' });
    expect(told(failure, true)).toEqual({ exitCode: 1, text: 'postern: it rains\n  Take an umbrella.\n' });
  });
});

describe('the process', () => {
  const start = (args: readonly string[]) =>
    spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });

  it('ends with the exit code of its command', async () => {
    const child = start(['config', 'check', '/nowhere/postern.yaml']);
    let printed = '';
    child.stdout.on('data', (chunk) => (printed += chunk));
    const exitCode = await new Promise((resolve) => child.on('close', resolve));
    expect(printed).toContain('there is no file /nowhere/postern.yaml');
    expect(exitCode).toBe(1);
  });

  it('bears a reader that has seen enough', async () => {
    const child = start(['config', 'reference', '--json']);
    let told = '';
    child.stderr.on('data', (chunk) => (told += chunk));
    child.stdout.destroy();
    const exitCode = await new Promise((resolve) => child.on('close', resolve));
    expect({ exitCode, told }).toEqual({ exitCode: 0, told: '' });
  });
});
