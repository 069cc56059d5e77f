// `postern serve`: starts the gateway from a configuration file and stops it in good order.

import type { EventEmitter } from 'node:events';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Fault } from '../config/fault.ts';
import type { Gateway, Given } from '../gateway.ts';
import { spellCount } from './config-check.ts';
import { type CommandLine, EXIT, type Surroundings, say } from './surroundings.ts';
import { readVersion } from './version.ts';

export type StartGateway = (
  given: Given & { version: string },
) => Promise<Pick<Gateway, 'stop' | 'reload' | 'refuseReload'> & Partial<Pick<Gateway, 'welcome'>>>;

export function addServe(program: Command, { surroundings, run }: CommandLine): void {
  program
    .command('serve')
    .description('run the gate: web sign-in, OAuth server and mail submission')
    .option('-c, --config <file>', 'the configuration file', 'postern.yaml')
    .addHelpText(
      'after',
      `
Standard output carries the journal, one JSON object a line. SIGTERM or SIGINT stops: no new connections, messages
in flight are finished (submission.drainTimeout), then it ends; a second signal ends it at once. SIGHUP reads the
file again: new connections are served by it, earlier ones end as at a stop; a file with faults changes nothing.

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
  const { formatFault } = await import('../config/fault.ts');
  const load = () => loadSettingsFile(resolve(surroundings.directory, file), surroundings.environment);
  const tell = (faults: readonly Fault[], consequence: string): void => {
    for (const fault of faults) say(surroundings.errors, formatFault(file, fault));
    say(surroundings.errors, `${spellCount(faults.length)} ${consequence}`);
  };
  const refuseToStart = (faults: readonly Fault[]): number => {
    tell(faults, 'Postern did not start.');
    return EXIT.failed;
  };
  const loaded = load();
  if ('faults' in loaded) return refuseToStart(loaded.faults);

  const signal = firstSignal(given.process);
  let gateway: Awaited<ReturnType<StartGateway>> | undefined;
  const onReload = (): void => {
    // One that comes before the start is through has nothing to say: the file is being read just now.
    if (gateway) void reload(gateway, load, (faults) => tell(faults, 'Postern goes on as before.'));
  };
  given.process.on('SIGHUP', onReload);
  try {
    gateway = await given.startGateway({ ...loaded, version: readVersion() });
    if (gateway.welcome !== undefined) say(surroundings.errors, gateway.welcome);
    await gateway.stop(await signal.arrived);
    return EXIT.done;
  } catch (error) {
    if (!isStartFailure(error)) throw error;
    return refuseToStart(error.faults);
  } finally {
    given.process.off('SIGHUP', onReload);
    signal.forget();
  }
}

async function reload(
  gateway: Pick<Gateway, 'reload' | 'refuseReload'>,
  load: () => Given | { faults: readonly Fault[] },
  tell: (faults: readonly Fault[]) => void,
): Promise<void> {
  try {
    const loaded = load();
    if ('faults' in loaded) {
      gateway.refuseReload(loaded.faults.map(({ path, message }) => `${path}: ${message}`));
      return tell(loaded.faults);
    }
    await gateway.reload(loaded);
  } catch (error) {
    // Not thrown on, whatever it is: mail goes on under the settings from before.
    tell(isStartFailure(error) ? error.faults : [{ path: '', message: `${error}; the journal has more` }]);
  }
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
