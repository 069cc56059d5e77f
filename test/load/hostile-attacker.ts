// The process that attacks, apart from those who measure. Its parent sends it whom to attack and how, later that it is enough;
// it says when the attack is under way, and at the end what it has counted.

import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import type { Attack } from './hostile-attack.ts';
import { BREAKS } from './hostile-breaks.ts';
import type { Victim } from './hostile-caller.ts';
import { CROWDS } from './hostile-crowd.ts';
import { ENDLESS } from './hostile-endless.ts';
import { IDLE_FLOODS, TOKEN_FLOODS, TOKEN_KINDS } from './hostile-sign-in.ts';

export type Order = { readonly attack: string; readonly victim: Victim } | 'enough';
export type Report = 'under way' | { readonly counts: Readonly<Record<string, number>> };

const ATTACKS: Readonly<Record<string, Attack>> = {
  ...TOKEN_FLOODS,
  ...IDLE_FLOODS,
  ...TOKEN_KINDS,
  ...CROWDS,
  ...ENDLESS,
  ...BREAKS,
};

/** File descriptors this process may have; Node takes all it can get. Linux: proc(5). */
const descriptors = Number(/Max open files +(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
const NEEDED = 6_000;

// Real attackers bring processors of their own: this one must not take Postern's, nor those of the clients that are measured.
setPriority(10);

const counts: Record<string, number> = {};

process.on('message', (order: Order) => {
  if (order === 'enough') return tell({ counts }, () => process.exit());
  const attack = ATTACKS[order.attack];
  if (!attack) throw new Error(`no attack of the name ${order.attack}`);
  if (descriptors < NEEDED) {
    throw new Error(`${descriptors} open files are too few: raise the limit with "ulimit -n ${NEEDED}"`);
  }
  const count = (what: string): void => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  void attack({ victim: order.victim, count }).then(() => tell('under way'));
});
// Whoever ordered the attack is gone.
process.on('disconnect', () => process.exit());

function tell(report: Report, then: () => void = () => undefined): void {
  process.send?.(report, then);
}
