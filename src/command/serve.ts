// `postern serve`: starts the gateway from a configuration file and stops it in good order.

import type { EventEmitter } from 'node:events';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Settings } from '../config/schema.ts';
import type { Gateway } from '../gateway.ts';
import { spellCount } from './config-check.ts';
import { type CommandLine, EXIT, type Surroundings, say } from './surroundings.ts';
import { readVersion } from './version.ts';

export type StartGateway = (given: {
  settings: Settings;
  dangers: readonly string[];
  version: string;
}) => Promise<Pick<Gateway, 'stop'> & Partial<Pick<Gateway, 'welcome'>>>;

export function addServe(program: Command, { surroundings, run }: CommandLine): void {
  program
    .command('serve')
    .description('run the gate: web sign-in, OAuth server and mail submission')
    .option('-c, --config <file>', 'the configuration file', 'postern.yaml')
    .addHelpText(
      'after',
      `
Standard output carries the journal, one JSON object a line. SIGTERM or SIGINT stops: no new connections, messages
in flight are finished (submission.drainTimeout), then it ends; a second signal ends it at once.

Examples:
  postern serve --config /etc/postern/postern.yaml
  postern serve --config config/demo.yaml

Exit codes: 0 stopped as asked, 1 faults in the configuration or at start (all of them are named), 2 wrong use.`,
    )
    .action((options: { config: string }) =>
      run(async () => {
        const { startGateway } = await import('../gateway.ts');
        return serve({ file: options.config, surroundings, startGateway, process });
      }),
    );
}

/** Resolves with the exit code when the gateway has stopped, or when it could not start. */
export async function serve(given: {
  file: string;
  surroundings: Surroundings;
  startGateway: StartGateway;
  /** Where signals arrive, and how to end at once. */
  process: Pick<EventEmitter, 'on' | 'off'> & { exit(code: number): void };
}): Promise<number> {
  const { file, surroundings } = given;
  const { loadSettingsFile } = await import('../config/load.ts');
  const loaded = loadSettingsFile(resolve(surroundings.directory, file), surroundings.environment);
  if ('faults' in loaded) return refuseToStart(given, loaded.faults);

  const signal = firstSignal(given.process);
  try {
    const gateway = await given.startGateway({ ...loaded, version: readVersion() });
    if (gateway.welcome !== undefined) say(surroundings.errors, gateway.welcome);
    await gateway.stop(await signal.arrived);
    return EXIT.done;
  } catch (error) {
    if (!isStartFailure(error)) throw error;
    return refuseToStart(given, error.faults);
  } finally {
    signal.forget();
  }
}

async function refuseToStart(
  { file, surroundings }: { file: string; surroundings: Surroundings },
  faults: readonly { path: string; message: string; line?: number }[],
): Promise<number> {
  const { formatFault } = await import('../config/fault.ts');
  for (const fault of faults) say(surroundings.errors, formatFault(file, fault));
  say(surroundings.errors, `${spellCount(faults.length)} Postern did not start.`);
  return EXIT.failed;
}

/** By its shape, not its class: the gateway is loaded late, and only by the command that needs it. */
function isStartFailure(error: unknown): error is Error & { faults: { path: string; message: string }[] } {
  return error instanceof Error && 'faults' in error && Array.isArray(error.faults);
}

/** The first signal asks for a stop in good order, also while the gateway still starts; the second ends the process. */
function firstSignal(process: Pick<EventEmitter, 'on' | 'off'> & { exit(code: number): void }): {
  /** The name of the signal. */
  arrived: Promise<string>;
  forget(): void;
} {
  const { promise, resolve: arrive } = Promise.withResolvers<string>();
  let count = 0;
  const onSignal = (name: string): void => {
    count += 1;
    if (count === 1) arrive(name);
    else process.exit(EXIT.failed);
  };
  const signals = ['SIGTERM', 'SIGINT'];
  for (const name of signals) process.on(name, onSignal);
  return {
    arrived: promise,
    forget: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}
