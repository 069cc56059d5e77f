// Owns a real terminal: a pane of tmux with a shell in it, into which a test types, and which it reads as a person does.

import { join } from 'node:path';
import { noteProcessGroup } from './folder.ts';
import { programEnvironment, runProgram } from './program.ts';
import { until } from './until.ts';

export interface Terminal {
  /** Types a line and the Enter key. */
  type(line: string): Promise<void>;
  /** Presses a key by its name in tmux, such as `C-c`. */
  press(key: string): Promise<void>;
  /** Has the program draw all of it anew, by another size of the window. */
  redraw(): Promise<void>;
  /** What stands on the screen, each line whole, however often it is wrapped. */
  screen(): Promise<string>;
  /** Waits until the screen shows something that fits, and returns the first group of it, or all of it. */
  read(pattern: RegExp, what: string): Promise<string>;
  close(): Promise<void>;
}

/** What the shell writes when it waits for a line; it carries the exit code of the one before. */
const PROMPT = 'ready=$?> ';
const WIDTH = 120;
const HEIGHT = 60;

let opened = 0;

/** @param options.environment for the shell and what it runs */
export async function openTerminal(options: {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}): Promise<Terminal> {
  const { folder } = options;
  // One for each: a server that was told to end may still hold its own.
  opened += 1;
  const socket = join(folder, `terminal-${opened}.socket`);
  const environment = programEnvironment(folder, { ...options.environment, PS1: PROMPT, TERM: 'screen' });

  async function tmux(...parameters: string[]): Promise<string> {
    const call = ['-S', socket, '-f', '/dev/null', ...parameters];
    const { code, output, errors } = await runProgram('tmux', call, { folder, environment });
    if (code !== 0) throw new Error(`tmux ${parameters[0]} ended with ${code}: ${errors}`);
    return output;
  }

  let width = WIDTH;
  const size = ['-x', String(width), '-y', String(HEIGHT)];
  await tmux('new-session', '-d', ...size, 'bash', '--norc', '--noprofile', '-i');
  // A server of its own, in a group of its own, which would outlive tests that are killed.
  const forget = noteProcessGroup(Number(await tmux('display-message', '-p', '#{pid}')));
  const screen = async () => (await tmux('capture-pane', '-p', '-J')).replace(/[ \n]+$/, '');

  async function read(pattern: RegExp, what: string): Promise<string> {
    let shown = '';
    try {
      return await until(async () => {
        shown = await screen();
        const found = pattern.exec(shown);
        return found === null ? undefined : (found[1] ?? found[0]);
      }, what);
    } catch (error) {
      throw new Error(`${(error as Error).message}; the terminal shows:\n${shown}`);
    }
  }

  await read(/^ready=0>/m, 'the shell');
  return {
    async type(line) {
      await tmux('clear-history');
      await tmux('send-keys', '-l', line);
      await tmux('send-keys', 'Enter');
    },
    press: async (key) => void (await tmux('send-keys', key)),
    async redraw() {
      width = width === WIDTH ? WIDTH + 1 : WIDTH;
      await tmux('resize-window', '-x', String(width));
    },
    screen,
    read,
    async close() {
      await tmux('kill-server');
      forget();
    },
  };
}
