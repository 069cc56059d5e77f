// Where the socket of a running Postern is, and what to tell people when it does not answer.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { AdministrationClient, AdministrationFailureKind } from '../administration/client.ts';
import { CommandFailure } from './failure.ts';
import { type Surroundings, say } from './surroundings.ts';

export interface SocketOptions {
  readonly socket?: string;
  readonly config?: string;
}

const DEFAULT_CONFIG = 'postern.yaml';
const DEMO_CONFIG = 'config/demo.yaml';

export const SOCKET_HELP = `The running Postern is asked over its administration socket, so run this as the user that Postern runs as. The
socket is the one of --config FILE (administration.socket); without it of ${DEFAULT_CONFIG}, or of the demo where that
has no Postern that runs.`;

export function addSocketOptions(command: Command): Command {
  return command
    .option('--socket <path>', 'the administration socket itself')
    .option('-c, --config <file>', `the configuration that names it (default: ${DEFAULT_CONFIG})`);
}

/** No Postern answers, or the configuration names no socket to ask it at. */
export class NothingRuns extends CommandFailure {}

interface Given {
  readonly options: SocketOptions;
  readonly surroundings: Surroundings;
}

type Ask<T> = (client: AdministrationClient) => Promise<T>;

/**
 * Asks the running Postern; its failures become lines for people. Where none was named and none runs for `postern.yaml`, a demo that
 * runs is asked: whoever tries it out writes a configuration of their own meanwhile.
 */
export async function askPostern<T>(given: Given, ask: Ask<T>): Promise<T> {
  try {
    return await askAt(await findSocket(given), ask);
  } catch (error) {
    const { options, surroundings } = given;
    const isNamed = options.socket !== undefined || options.config !== undefined;
    if (!(error instanceof NothingRuns) || isNamed) throw error;
    if (!existsSync(resolve(surroundings.directory, DEMO_CONFIG))) throw error;
    return await askDemo({ surroundings, error }, ask);
  }
}

async function askDemo<T>(
  { surroundings, error }: { surroundings: Surroundings; error: NothingRuns },
  ask: Ask<T>,
): Promise<T> {
  const asked = await findSocket({ options: { config: DEMO_CONFIG }, surroundings })
    .then((socket) => askAt(socket, ask))
    .then(
      (answer) => ({ answer }),
      (failure: unknown) => ({ failure }),
    );
  if ('failure' in asked && asked.failure instanceof NothingRuns) throw error;
  say(surroundings.errors, `postern: no Postern runs for ${DEFAULT_CONFIG}; the demo was asked`);
  if ('failure' in asked) throw asked.failure;
  return asked.answer;
}

async function askAt<T>(socket: string, ask: Ask<T>): Promise<T> {
  const { AdministrationFailure, createAdministrationClient } = await import('../administration/client.ts');
  try {
    return await ask(createAdministrationClient({ socket }));
  } catch (error) {
    if (!(error instanceof AdministrationFailure)) throw error;
    const advice = ADVICE[error.kind];
    const Failure = error.kind === 'not-running' ? NothingRuns : CommandFailure;
    throw new Failure(printable(error.message), advice === undefined ? {} : { advice });
  }
}

const ADVICE: Partial<Record<AdministrationFailureKind, string>> = {
  'not-running': 'Start it with `postern serve`, or name another with --config FILE or --socket PATH.',
  'not-allowed': 'Run this as the user that Postern runs as.',
};

/** Text that came over the wire, for a terminal: nothing in it may move the cursor or turn the writing round. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}

/**
 * Only the one setting is read. The file as a whole need not be sound for whoever asks: its secrets may be in the
 * environment of the service, its keys readable by the service alone.
 */
async function findSocket(given: Given): Promise<string> {
  const { options, surroundings } = given;
  const { directory } = surroundings;
  if (options.socket !== undefined) return resolve(directory, options.socket);
  const file = findConfig(given);
  if (file === undefined) {
    throw new CommandFailure(`there is no ${DEFAULT_CONFIG} here to find the running Postern by`, {
      advice: 'Name the configuration with --config FILE, or its socket with --socket PATH.',
    });
  }
  const named = await readSocketSetting({ file, directory });
  return resolve(directory, file, '..', named);
}

/** The configuration that is meant, as it was named; undefined where there is none. */
export function findConfig(given: Given): string | undefined {
  const { options, surroundings } = given;
  const candidates = [DEFAULT_CONFIG, DEMO_CONFIG];
  return options.config ?? candidates.find((file) => existsSync(resolve(surroundings.directory, file)));
}

async function readSocketSetting({ file, directory }: { file: string; directory: string }): Promise<string> {
  const [{ parseConfig }, { formatFault }, { readFileFromDisk, whyUnreadable }] = await Promise.all([
    import('../config/document.ts'),
    import('../config/fault.ts'),
    import('../config/files.ts'),
  ]);
  let text: string;
  try {
    text = readFileFromDisk(resolve(directory, file)).content.toString('utf8');
  } catch (error) {
    throw new CommandFailure(whyUnreadable(file, error));
  }
  const document = parseConfig(text);
  if ('faults' in document) {
    const [fault = { path: '', message: 'cannot be read' }] = document.faults;
    throw new CommandFailure(formatFault(file, fault));
  }
  const { administration } = (document.data ?? {}) as { administration?: { socket?: unknown } | null };
  const socket = administration?.socket;
  if (typeof socket === 'string' && socket !== '') return socket;
  throw new NothingRuns(`${file} does not set administration.socket, so its Postern cannot be asked`, {
    advice: 'Set it and start Postern again; `postern config reference` explains it.',
  });
}
