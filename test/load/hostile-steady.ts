// Well-behaved clients beside hostile ones: a steady trickle of sign-ins and messages, and what each of them waits.

import { initialResponse } from './client.ts';
import { Caller, type Victim } from './hostile-caller.ts';

/** Milliseconds: from connecting to 235, of AUTH alone, and of a message from MAIL to its 250. */
export interface Waits {
  readonly signIn: readonly number[];
  readonly login: readonly number[];
  readonly message: readonly number[];
  /** What those heard that were not served. */
  readonly refused: readonly string[];
}

export interface SteadyClients {
  /** Resolves once everyone who has begun since the last call is through. */
  take(): Promise<Waits>;
  stop(): Promise<void>;
}

interface Lot {
  signIn: number[];
  login: number[];
  message: number[];
  refused: string[];
  underWay: Promise<void>[];
}

/** One in so many sends a message. */
const SENDS = 3;
const LINE = `${'0123456789'.repeat(7)}\r\n`;
const MESSAGE = `From: steady@example.org\r\nSubject: measured\r\n\r\n${LINE.repeat(28)}.`;

/** @param options.roundTrip milliseconds between each client and Postern, and back */
export function startSteadyClients(options: {
  victim: Victim;
  perSecond: number;
  roundTrip?: number;
}): SteadyClients {
  const { victim, perSecond, roundTrip = 0 } = options;
  let lot = emptyLot();
  let number = 0;
  const timer = setInterval(() => {
    number += 1;
    const mine = lot;
    const by = number % 2 === 0 ? 'starttls' : 'implicit';
    const visit = call({ victim, by, lot: mine, roundTrip, sends: number % SENDS === 0 });
    mine.underWay.push(visit.catch((error: Error) => void mine.refused.push(error.message)));
  }, 1000 / perSecond);

  return {
    async take() {
      const taken = lot;
      lot = emptyLot();
      await Promise.all(taken.underWay);
      return taken;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(lot.underWay);
    },
  };
}

async function call(options: {
  victim: Victim;
  by: 'starttls' | 'implicit';
  lot: Lot;
  roundTrip: number;
  sends: boolean;
}): Promise<void> {
  const { victim, by, lot, roundTrip } = options;
  const started = performance.now();
  const caller = new Caller(victim, { by, ...(roundTrip > 0 ? { roundTrip } : {}) });
  try {
    await caller.reach('welcomed');
    const before = performance.now();
    await caller.command(`AUTH XOAUTH2 ${initialResponse(victim)}`, 235);
    const signedIn = performance.now();
    lot.login.push(signedIn - before);
    lot.signIn.push(signedIn - started);
    if (options.sends) lot.message.push(await send(caller, victim));
    await caller.command('QUIT', 221);
  } finally {
    caller.hangUp();
  }
}

async function send(caller: Caller, victim: Victim): Promise<number> {
  const started = performance.now();
  await caller.command(`MAIL FROM:<${victim.user}>`, 250);
  await caller.command('RCPT TO:<bob@example.org>', 250);
  await caller.command('DATA', 354);
  await caller.command(MESSAGE.replace('steady@example.org', victim.user), 250);
  return performance.now() - started;
}

const emptyLot = (): Lot => ({ signIn: [], login: [], message: [], refused: [], underWay: [] });
