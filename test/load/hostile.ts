// `npm run hostile`: what hostile clients cost Postern, and what they make the others wait. Prints a table a group; under three minutes.
// Arguments: names of attacks, or a part of one, to play only those; --round-trip MILLISECONDS puts the well-behaved far away.

import { parseArgs } from 'node:util';
import { BREAKS } from './hostile-breaks.ts';
import { CROWDS } from './hostile-crowd.ts';
import { ENDLESS } from './hostile-endless.ts';
import { laySiege, type Outcome, percentile } from './hostile-measure.ts';
import { IDLE_FLOODS, TOKEN_FLOODS, TOKEN_KINDS } from './hostile-sign-in.ts';
import type { Waits } from './hostile-steady.ts';

interface Group {
  readonly title: string;
  readonly attacks: readonly string[];
  readonly times: { readonly before: number; readonly during: number };
  /** Played only where asked for by name. */
  readonly onDemand?: true;
}

const BRIEF = { before: 1_000, during: 2_000 };
const GROUPS: readonly Group[] = [
  {
    title: 'A hundred bad tokens a second from the address of the others',
    attacks: Object.keys(TOKEN_FLOODS),
    times: { before: 2_000, during: 10_000 },
  },
  { title: 'Connections opened and left idle there', attacks: Object.keys(IDLE_FLOODS), times: BRIEF },
  {
    title: 'Kinds of bad tokens',
    attacks: Object.keys(TOKEN_KINDS),
    times: { before: 2_000, during: 10_000 },
    onDemand: true,
  },
  { title: 'Crowds and the slow', attacks: Object.keys(CROWDS), times: BRIEF },
  { title: 'The endless and the deaf', attacks: Object.keys(ENDLESS), times: BRIEF },
  { title: 'Handshakes and breaking off', attacks: Object.keys(BREAKS), times: BRIEF },
];
const PER_SECOND = 30;

const { values, positionals: wanted } = parseArgs({
  options: { 'round-trip': { type: 'string', default: '0' } },
  allowPositionals: true,
});
const isWanted = (name: string, group: Group): boolean =>
  wanted.length === 0 ? group.onDemand !== true : wanted.some((part) => name.includes(part));

const siege = await laySiege({ perSecond: PER_SECOND, roundTrip: Number(values['round-trip']) });
try {
  for (const group of GROUPS) {
    const names = group.attacks.filter((name) => isWanted(name, group));
    if (names.length === 0) continue;
    say(
      `\n${group.title}: ${PER_SECOND} well-behaved sign-ins a second beside it, each in a connection of its own`,
    );
    say(
      row([
        '',
        'sign-in p50/p99 ms',
        'AUTH p99 ms',
        'message p99',
        'refused',
        'memory MB',
        'files',
        'CPU',
        'attacker',
      ]),
    );
    for (const name of names) say(row(cells(await siege.attack(name, group.times))));
  }
} finally {
  await siege.close();
}

function cells(outcome: Outcome): string[] {
  const { before, during, memory } = outcome;
  const both = (of: (waits: Waits) => string): string => `${of(before)} → ${of(during)}`;
  const p99 = (values: readonly number[]): string => milliseconds(percentile(values, 0.99));
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  return [
    outcome.attack,
    both(({ signIn }) => `${milliseconds(percentile(signIn, 0.5))}/${p99(signIn)}`),
    both(({ login }) => p99(login)),
    both(({ message }) => p99(message)),
    `${during.refused.length} of ${during.refused.length + during.signIn.length}`,
    `${megabytes(memory.before)} → ${megabytes(memory.peak)} → ${megabytes(memory.after)}`,
    String(outcome.descriptors),
    `${Math.round(outcome.load * 100)} %`,
    Object.entries(outcome.counts)
      .map(([what, count]) => `${count} ${what}`)
      .join(', ') + reasons(during.refused),
  ];
}

/** Why the first of them were refused. */
function reasons(refused: readonly string[]): string {
  return refused.length === 0
    ? ''
    : `; REFUSED: ${[...new Set(refused.map((text) => text.replace(/\[.*/, '')))].slice(0, 3).join(' | ')}`;
}

function row(columns: readonly string[]): string {
  const widths = [34, 26, 17, 17, 11, 18, 6, 6];
  return columns.map((text, index) => text.padEnd(widths[index] ?? 0)).join(' ');
}

function milliseconds(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
