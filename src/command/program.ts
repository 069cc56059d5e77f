// The list of commands, and how the command line as a whole behaves: help, version, errors, exit codes.

import { Command, CommanderError } from 'commander';
import { addCheck } from './check.ts';
import { addConfigCheck } from './config-check.ts';
import { addConfigReference } from './config-reference.ts';
import { addExplain } from './explain.ts';
import { reportFailure } from './failure.ts';
import { addRevoke } from './revoke.ts';
import { addSend } from './send.ts';
import { addServe } from './serve.ts';
import { addSessions } from './sessions.ts';
import { type CommandLine, EXIT, type Surroundings } from './surroundings.ts';
import { addToken } from './token-options.ts';
import { readVersion } from './version.ts';

const HELP = `
Examples:
  postern serve --config config/demo.yaml               try it out on this machine
  echo Hello | postern send --to bob@example.org --subject Hi
  postern sessions                                      who is connected now
  postern explain --session 4fT0cZ1kq2                  why somebody was refused
  postern check mail.example.org                        how a server looks from outside
  postern config reference > postern.yaml               begin a configuration of your own
  postern config check postern.yaml

\`postern COMMAND --help\` explains a command. Exit codes: 0 done, 1 failed, 2 wrong use of the command line.`;

/** Runs one command line; resolves with its exit code. Nothing is thrown at people. */
export async function runProgram(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const program = new Command('postern');
  let exitCode: number = EXIT.done;
  const line: CommandLine = {
    surroundings,
    run: async (work) => {
      exitCode = await work();
    },
  };
  program
    .description(
      'A passwordless gate for mail submission: browser sign-in and OAuth tokens in front of a mail server.',
    )
    .version(readVersion(), '--version', 'print the version')
    .option('--debug', 'show the details of an unexpected fault')
    .helpOption('-h, --help', 'explain a command')
    .helpCommand(false)
    .showHelpAfterError('(--help explains the command)')
    .addHelpText('after', HELP)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => surroundings.output.write(text),
      writeErr: (text) => surroundings.errors.write(text.replace(/^error:/, 'postern:')),
    });
  addServe(program, line);
  addToken(program, line);
  addSend(program, line);
  addSessions(program, line);
  addRevoke(program, line);
  addExplain(program, line);
  addCheck(program, line);
  const config = program
    .command('config')
    .description('check a configuration, or print every setting there is')
    .helpCommand(false);
  addConfigCheck(config, line);
  addConfigReference(config, line);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has told what it had to tell: help and version end with 0, everything else is wrong use.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return reportFailure(error, { surroundings, debug: args.includes('--debug') });
  }
}
