// `postern revoke`: ends a session, a grant, a client's or a person's access in the running Postern, or gives it back.

import { type Command, Option } from 'commander';
import type { ActResult, LiveSession } from '../administration/client.ts';
import {
  addSocketOptions,
  askPostern,
  printable,
  SOCKET_HELP,
  type SocketOptions,
} from './administration-socket.ts';
import { usageFailure } from './failure.ts';
import { checkAddress } from './outgoing.ts';
import { spellState } from './sessions.ts';
import { type CommandLine, EXIT, type Surroundings, say, sayJson } from './surroundings.ts';

export interface RevokeOptions extends SocketOptions {
  readonly session?: string;
  readonly grant?: string;
  readonly client?: string;
  readonly person?: string;
  readonly disable?: boolean;
  readonly enable?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

const TARGETS = ['session', 'grant', 'client', 'person', 'enable'] as const;
const DEFAULT_REASON = 'revoked from the command line';
const MAX_REASON = 200;

export function addRevoke(program: Command, { surroundings, run }: CommandLine): void {
  const command = program
    .command('revoke')
    .description('end a session, or the access of a grant, a client or a person, at once')
    .option('--session <id>', 'this session only; its token stays valid')
    .option('--grant <handle>', 'one consent: its tokens and its sessions')
    .option('--client <id>', 'everybody’s grants, tokens and sessions of this client_id')
    .option('--person <address>', 'all grants, tokens and sessions of this person')
    .option('--disable', 'with --person: and nobody signs in as them until --enable')
    .addOption(new Option('--enable <address>', 'let a disabled person sign in again'))
    .option('--reason <text>', 'why, for the journal')
    .option('--json', 'print the result as JSON');
  addSocketOptions(command)
    .addHelpText(
      'after',
      `
${SOCKET_HELP}
A session that is idle is closed at once; a message that is on its way in is not forwarded. Session ids and handles of
grants are in \`postern sessions --json\`, and in the journal.

Examples:
  postern revoke --session 4fT0cZ1kq2
  postern revoke --person alice@example.org --reason 'laptop stolen'
  postern revoke --person mallory@example.org --disable
  postern revoke --enable mallory@example.org
  postern revoke --client old-mailer --json

Exit codes: 0 done, 1 nothing by that name or Postern does not answer, 2 wrong use.`,
    )
    .action((options: RevokeOptions) => run(() => revoke({ options, surroundings })));
}

export async function revoke(given: { options: RevokeOptions; surroundings: Surroundings }): Promise<number> {
  const { options, surroundings } = given;
  checkOptions(options);
  const { session, grant, client, person, enable } = options;
  const disable = options.disable === true ? true : undefined;
  const cause = options.reason ?? DEFAULT_REASON;
  const result = await askPostern(given, (postern) =>
    enable === undefined
      ? postern.revoke({ session, grant, client, person, disable, cause })
      : postern.enable({ person: enable, cause }),
  );
  if (options.json === true) sayJson(surroundings, result);
  else tell(result, surroundings);
  return result.found ? EXIT.done : EXIT.failed;
}

function checkOptions(options: RevokeOptions): void {
  const named = TARGETS.filter((target) => options[target] !== undefined);
  if (named.length !== 1) {
    throw usageFailure(
      named.length === 0
        ? 'what to end is not named'
        : `${named.map((name) => `--${name}`).join(' and ')} at once`,
      'Name one of --session, --grant, --client, --person and --enable.',
    );
  }
  const [target] = named;
  if (target !== undefined && options[target]?.trim() === '') throw usageFailure(`--${target} is empty`);
  for (const address of [options.person, options.enable]) if (address !== undefined) checkAddress(address);
  if (options.disable === true && options.person === undefined) {
    throw usageFailure('--disable goes with --person', 'Name the person with --person ADDRESS.');
  }
  if (options.reason !== undefined && !isReason(options.reason)) {
    throw usageFailure(`--reason is one line of at most ${MAX_REASON} characters`);
  }
}

function isReason(text: string): boolean {
  return text.trim() !== '' && text.length <= MAX_REASON && !/\p{Cc}/u.test(text);
}

function tell(result: ActResult, surroundings: Surroundings): void {
  const { output, errors } = surroundings;
  const target = printable(result.target);
  if (!result.found) {
    say(errors, `postern: nothing matched: ${UNKNOWN[result.action](target)}`);
    return;
  }
  for (const session of result.sessions) say(output, `ended session ${describe(session)}`);
  if (result.action === 'end-session') return;
  if (result.action === 'enable-person') {
    say(output, `${target} may sign in again`);
    return;
  }
  say(
    output,
    `ended ${count(result.grants, 'grant')} and ${count(result.sessions.length, 'session')} of ${target}`,
  );
  if (!result.isKnown) say(errors, BEYOND);
  else if (result.action === 'disable-person') say(output, `${target} can no longer sign in`);
}

const UNKNOWN: Readonly<Record<ActResult['action'], (target: string) => string>> = {
  'end-session': (id) => `there is no session ${id}`,
  'end-grant': (handle) => `there is no grant ${handle}`,
  'end-client': (id) => `there is no client ${id}, nor a session of it`,
  'end-person': (address) => `nobody is known by ${address}`,
  'disable-person': (address) => `nobody is known by ${address}`,
  'enable-person': (address) => `nobody is known by ${address}`,
};

/** Sessions with tokens that Postern did not issue: they were ended with the sessions, their successors cannot be. */
const BEYOND =
  'No grant of Postern’s own was behind that: with the next token of another issuer the client can come back.';

function describe({ id, user, client, peer, messages, state }: LiveSession): string {
  const parts = [
    user,
    ...(client === undefined ? [] : [client]),
    peer,
    count(messages, 'message'),
    ...(state === 'idle' ? [] : [spellState(state)]),
  ];
  return printable(`${id}: ${parts.join(', ')}`);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
