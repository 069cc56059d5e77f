// `postern explain`: why a token is refused, or what a session was refused, and what to change.

import { type Command, Option } from 'commander';
import type { KnownRefusal } from '../explanation/refusal-memory.ts';
import type { TokenVerdict } from '../explanation/verdict.ts';
import {
  addSocketOptions,
  askPostern,
  findConfig,
  NothingRuns,
  type SocketOptions,
} from './administration-socket.ts';
import { readCertificate, readQuestion } from './explain-input.ts';
import { adviceOn, refusalLines, verdictLines } from './explain-report.ts';
import { CommandFailure, usageFailure } from './failure.ts';
import { type CommandLine, EXIT, type Surroundings, say, sayJson } from './surroundings.ts';

export interface ExplainOptions extends SocketOptions {
  readonly session?: string;
  readonly tokenFile?: string;
  readonly certificate?: string;
  readonly json?: boolean;
  /** Not offered: told what to do instead. */
  readonly token?: string | true;
}

interface Given {
  readonly options: ExplainOptions;
  readonly surroundings: Surroundings;
  /** Milliseconds since the epoch, and the network, where no running Postern is asked. */
  readonly means?: { readonly now?: () => number; readonly fetch?: typeof globalThis.fetch };
}

const HELP = `
With --session: what a client was refused, by the id in brackets at the end of every error reply. The running Postern
knows its last 2,000 refused sessions, for a day at most; the journal has the same reason under the same id.

Without: an access token, from a file or standard input, is verified as it would be after AUTH, and what is wrong with it
is told with what to change. The running Postern is asked over its administration socket, so run this as the user that it
runs as. Where none answers, the settings of --config are what counts; keys and introspection are asked for all the same
(but a token that may be an opaque one of Postern's own is shown to no issuer without tokenPrefixes), and what could not be
checked is said. The token is never printed; it does not belong on the command line, where every user of
the machine can read it.

Examples:
  postern explain --session 4fT0cZ1kq2
  postern token | postern explain
  postern explain --config /etc/postern/postern.yaml --token-file token.txt --json

Exit codes: 0 the token is accepted (or the session is known), 1 it is refused (or unknown), 2 wrong use.`;

export function addExplain(program: Command, { surroundings, run }: CommandLine): void {
  const command = program
    .command('explain')
    .description('why a sign-in, a message or a token is refused, and what to change')
    .option('--session <id>', 'what this session was refused; the id stands at the end of the error message')
    .option('--token-file <file>', 'file with the access token (default: standard input)')
    .option('--certificate <file>', 'PEM file of the client certificate that the token is shown with')
    .addOption(new Option('--token [token]').hideHelp())
    .option('--json', 'print the result as JSON')
    // Commander would name what it does not know, and that may be a token.
    .allowUnknownOption()
    .allowExcessArguments();
  addSocketOptions(command)
    .addHelpText('after', HELP)
    .action((options: ExplainOptions) =>
      run(() => {
        checkArguments(command.args, options);
        return explain({ options, surroundings });
      }),
    );
}

export async function explain(given: Given): Promise<number> {
  const { session, tokenFile, certificate } = given.options;
  if (session === undefined) return explainToken(given);
  if (tokenFile !== undefined || certificate !== undefined)
    throw usageFailure('--session and a token are two questions', 'Ask one of them.');
  return explainSession(given, session);
}

function checkArguments(args: readonly string[], { token }: ExplainOptions): void {
  const [first] = args;
  if (first === undefined && token === undefined) return;
  // Nothing of a token looks like this.
  if (first !== undefined && token === undefined && /^--[a-z][a-z-]{1,20}$/.test(first))
    throw usageFailure(`there is no option ${first}`, '`postern explain --help` lists those there are.');
  throw usageFailure(
    'a token does not belong on the command line: every user of this machine can read it there, and the shell keeps it',
    'Give it on standard input or with --token-file FILE. If what stood there was a token, revoke it.',
  );
}

async function explainSession(given: Given, text: string): Promise<number> {
  const { options, surroundings } = given;
  // As it is copied out of an error message.
  const session = text.replace(/^\[|\]$/g, '');
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(session))
    throw usageFailure(
      'that is no session id',
      'It stands in brackets at the end of the error message, such as 4fT0cZ1kq2.',
    );
  const refusals = await knownRefusals(given, session);
  if (options.json === true) {
    const { ADVICE } = await import('../explanation/advice.ts');
    const advised = refusals.map((refusal) => ({ ...refusal, advice: ADVICE[refusal.code] }));
    sayJson(surroundings, { session, refusals: advised });
  } else if (refusals.length === 0) {
    say(
      surroundings.errors,
      `postern: nothing is known of session ${session}: it was refused nothing, or too long ago, or before the last start`,
    );
    say(surroundings.errors, `  ${inJournal(session)}`);
  } else for (const line of await refusalLines(refusals)) say(surroundings.output, line);
  return refusals.length === 0 ? EXIT.failed : EXIT.done;
}

async function knownRefusals(given: Given, session: string): Promise<readonly KnownRefusal[]> {
  try {
    return await askPostern(given, (postern) => postern.refusals(session));
  } catch (error) {
    if (!(error instanceof NothingRuns)) throw error;
    throw new CommandFailure(error.message, { advice: inJournal(session) });
  }
}

function inJournal(session: string): string {
  return `Its journal tells the same: journalctl -u postern -o cat | grep ${session}`;
}

async function explainToken(given: Given): Promise<number> {
  const { options, surroundings } = given;
  const token = await readQuestion(options.tokenFile, surroundings);
  const certificate =
    options.certificate === undefined ? undefined : await readCertificate(options.certificate, surroundings);
  const judged = await judge(given, { token, ...(certificate !== undefined && { certificate }) });
  const { verdict } = judged;
  if (options.json === true) {
    const advice = await adviceOn(judged);
    sayJson(surroundings, { ...verdict, advice, judgedBy: judged.by, unchecked: judged.unchecked });
  } else for (const line of await verdictLines(judged)) say(surroundings.output, line);
  return verdict.accepted ? EXIT.done : EXIT.failed;
}

/** A verdict, whose it is, and what it does not say. */
export interface Judged {
  readonly verdict: TokenVerdict;
  readonly by: 'running Postern' | 'settings';
  readonly unchecked: readonly string[];
}

async function judge(given: Given, question: { token: string; certificate?: string }): Promise<Judged> {
  try {
    const verdict = await askPostern(given, (postern) => postern.judge(question));
    return { verdict, by: 'running Postern', unchecked: [] };
  } catch (error) {
    const file = findConfig(given);
    if (!(error instanceof NothingRuns) || file === undefined || given.options.socket !== undefined)
      throw error;
    const { surroundings, means } = given;
    say(surroundings.errors, `postern: ${error.message}; the settings of ${file} alone are what counts`);
    return judgeBySettings({ file, surroundings, ...(means && { means }) }, question);
  }
}

async function judgeBySettings(
  given: { file: string } & Omit<Given, 'options'>,
  question: { token: string; certificate?: string },
): Promise<Judged> {
  const { file, surroundings, means = {} } = given;
  const [{ loadSettingsFile }, { formatFault }, { judgeOffline }, { resolve }] = await Promise.all([
    import('../config/load.ts'),
    import('../config/fault.ts'),
    import('../explanation/offline.ts'),
    import('node:path'),
  ]);
  const loaded = loadSettingsFile(resolve(surroundings.directory, file), surroundings.environment);
  if ('faults' in loaded) {
    const [fault = { path: '', message: 'cannot be read' }] = loaded.faults;
    throw new CommandFailure(formatFault(file, fault), {
      advice: `\`postern config check ${file}\` names every fault of it.`,
    });
  }
  const { token: settings, authorization } = loaded.settings;
  const { verdict, unchecked } = await judgeOffline(question, {
    settings,
    issuer: authorization.issuer,
    ...means,
  });
  return { verdict, by: 'settings', unchecked };
}
