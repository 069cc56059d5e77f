// `postern sessions`: who is connected to the running Postern now.

import type { Command } from 'commander';
import type { LiveSession } from '../administration/client.ts';
import {
  addSocketOptions,
  askPostern,
  printable,
  SOCKET_HELP,
  type SocketOptions,
} from './administration-socket.ts';
import { checkAddress } from './outgoing.ts';
import { type CommandLine, EXIT, type Surroundings, say, sayJson } from './surroundings.ts';

export interface SessionsOptions extends SocketOptions {
  readonly person?: string;
  readonly client?: string;
  readonly json?: boolean;
}

export function addSessions(program: Command, { surroundings, run }: CommandLine): void {
  const command = program
    .command('sessions')
    .description('list the mail clients that are signed in now')
    .option('--person <address>', 'only those of this person or app')
    .option('--client <id>', 'only those of this client_id')
    .option('--json', 'print them as JSON, with mechanism, issuer, grant and token id');
  addSocketOptions(command)
    .addHelpText(
      'after',
      `
${SOCKET_HELP}
Times are UTC. \`postern revoke\` ends what is listed here.

Examples:
  postern sessions
  postern sessions --person alice@example.org
  postern sessions --config /etc/postern/postern.yaml --json | jq -r '.[].user' | sort | uniq -c

Exit codes: 0 listed (nobody, too), 1 Postern does not answer, 2 wrong use.`,
    )
    .action((options: SessionsOptions) => run(() => listSessions({ options, surroundings })));
}

export async function listSessions(given: {
  options: SessionsOptions;
  surroundings: Surroundings;
}): Promise<number> {
  const { options, surroundings } = given;
  const { person, client } = options;
  if (person !== undefined) checkAddress(person);
  const found = await askPostern(given, (postern) => postern.sessions({ person, client }));
  const sessions = found.toSorted((one, other) => one.since.localeCompare(other.since));
  if (options.json === true) {
    sayJson(surroundings, sessions);
    return EXIT.done;
  }
  if (sessions.length === 0) {
    const filtered = person !== undefined || client !== undefined;
    say(surroundings.errors, filtered ? 'No such session.' : 'Nobody is signed in.');
    return EXIT.done;
  }
  const { isTTY, columns } = surroundings.output;
  for (const line of drawTable(sessions, isTTY === true ? columns : undefined))
    say(surroundings.output, line);
  return EXIT.done;
}

interface Column {
  readonly head: string;
  readonly cell: (session: LiveSession) => string;
  /** May be cut where the terminal is too narrow; what is needed whole to type it again is not. */
  readonly isCut?: boolean;
  readonly isNumber?: boolean;
}

const COLUMNS: readonly Column[] = [
  { head: 'PERSON', cell: ({ user }) => user, isCut: true },
  { head: 'CLIENT', cell: ({ client }) => client ?? '-', isCut: true },
  { head: 'ADDRESS', cell: ({ peer }) => peer, isCut: true },
  { head: 'SINCE', cell: ({ since }) => since.slice(0, 16).replace('T', ' ') },
  { head: 'MESSAGES', cell: ({ messages }) => String(messages), isNumber: true },
  { head: 'STATE', cell: ({ state }) => spellState(state) },
  { head: 'SESSION', cell: ({ id }) => id },
];

const GAP = '  ';
const NARROWEST = 12;

/** `width` in characters; undefined where nobody looks at a terminal, and nothing is cut. */
export function drawTable(sessions: readonly LiveSession[], width: number | undefined): string[] {
  const rows = sessions.map((session) => COLUMNS.map(({ cell }) => printable(cell(session))));
  const widths = COLUMNS.map(({ head }, index) =>
    Math.max(head.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  if (width !== undefined) narrow(widths, width);
  return [COLUMNS.map(({ head }) => head), ...rows].map((row) =>
    row
      .map((text, index) => {
        const room = widths[index] ?? 0;
        const shown = text.length > room ? `${text.slice(0, room - 1)}…` : text;
        return COLUMNS[index]?.isNumber === true ? shown.padStart(room) : shown.padEnd(room);
      })
      .join(GAP)
      .trimEnd(),
  );
}

/** `in-message` → `in message` */
export function spellState(state: LiveSession['state']): string {
  return state.replaceAll('-', ' ');
}

/** Takes from the widest of the columns that may be cut, until the table fits or nothing more can be taken. */
function narrow(widths: number[], width: number): void {
  const total = (): number => widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1));
  while (total() > width) {
    const [widest] = [...widths.keys()]
      .filter((index) => COLUMNS[index]?.isCut === true)
      .sort((one, other) => (widths[other] ?? 0) - (widths[one] ?? 0));
    if (widest === undefined || (widths[widest] ?? 0) <= NARROWEST) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}
