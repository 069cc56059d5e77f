// How a command ends without success: one line for people, an exit code for programs, never a stack trace unasked.

import { EXIT, type Surroundings, say } from './surroundings.ts';

/** An expected failure: `message` says in one line what happened, `advice` what to do about it. */
export class CommandFailure extends Error {
  readonly exitCode: number;
  readonly advice: string | undefined;

  constructor(message: string, more: { advice?: string; exitCode?: number } = {}) {
    super(message);
    this.name = 'CommandFailure';
    this.exitCode = more.exitCode ?? EXIT.failed;
    this.advice = more.advice;
  }
}

/** A command line that asks for something impossible; ends with the exit code for usage. */
export function usageFailure(message: string, advice?: string): CommandFailure {
  return new CommandFailure(message, { exitCode: EXIT.usage, ...(advice === undefined ? {} : { advice }) });
}

/** Tells people what went wrong and returns the exit code. Details of a fault come only with `--debug`. */
export function reportFailure(error: unknown, given: { surroundings: Surroundings; debug: boolean }): number {
  const { errors } = given.surroundings;
  if (error instanceof CommandFailure) {
    say(errors, `postern: ${error.message}`);
    if (error.advice !== undefined) say(errors, `  ${error.advice}`);
    if (given.debug && error.cause !== undefined) say(errors, detailsOf(error.cause));
    return error.exitCode;
  }
  say(errors, `postern: an unexpected fault: ${firstLine(error)}`);
  say(errors, given.debug ? detailsOf(error) : '  Run it again with --debug for the details.');
  return EXIT.failed;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? '').slice(0, 300);
}

function detailsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
