// Steps of the dialogue × faults of the upstream, seen from the client's side of the real door: a right 4xx or a delivery, never
// both and never neither; and the next message goes through.

import { afterEach, describe, expect, test } from 'vitest';
import {
  ALL_YES,
  codes,
  expectOneTruth,
  type FaultSituation,
  PATIENT,
  sendStubbornly,
  startFaultSituation,
} from '../../support/fault-situation.ts';
import type { UpstreamAnswer } from '../../support/scripted-upstream.ts';
import { openSession } from '../../support/smtp-session.ts';
import { useSteadyTime } from '../../support/steady-time.ts';
import { FAULTS, type Fault, STEPS, type Step } from '../../support/upstream-faults.ts';

useSteadyTime();

let situation: FaultSituation;
afterEach(() => situation.close());

/** What the client is to hear. */
function wanted(step: Step, fault: Fault, backup: boolean): string[] {
  // Its own answer to a command of the client's is passed on; what it says of Postern is none.
  const own = step.reach === 'connection' ? undefined : fault.ownWord?.toString();
  // RFC 5321 §4.2.1: a 4yz may be otherwise at another server.
  const moves = own === undefined || (step.name === 'MAIL' && own.startsWith('4'));
  if (backup && step.reach !== 'message' && moves) return ALL_YES;
  // Who says nothing in mid-body has no fault.
  if (fault.name === 'is silent' && step.behind !== undefined) return ALL_YES;
  const no = own ?? '451';
  if (step.reach === 'connection' || step.name === 'MAIL') return [no];
  // A refused recipient does not keep the message from the other one, while the connection stands.
  const stands = own !== undefined || /sign-in/.test(fault.name);
  if (step.name === 'first RCPT') return stands ? ['250', no, '250', '354', '250'] : ['250', no, no, '554'];
  if (step.name === 'second RCPT') return ['250', '250', no, '354', stands ? '250' : no];
  return ['250', '250', '250', '354', no];
}

/** Told when the fault strikes. */
function striking(answer: UpstreamAnswer): { answer: UpstreamAnswer; struck: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const act = (): void => {
    answer.act?.();
    resolve();
  };
  return { answer: { ...answer, act }, struck: promise };
}

const TABLE = STEPS.flatMap((step) =>
  FAULTS.map((fault) => ({ at: step.name, it: fault.name, step, fault })),
);

describe.each([
  { beside: 'no other', backup: false },
  { beside: 'a healthy one', backup: true },
])('with $beside beside it', ({ backup }) => {
  test.each(TABLE)('at $at it $it', async ({ step, fault }) => {
    const patience = fault.name === 'is silent' ? {} : PATIENT;
    situation = await startFaultSituation({ backup, relay: patience });
    const { gateway, first, second, arrivals } = situation;
    const { answer, struck } = striking(fault.answer(first));
    step.place(first, answer);
    const client = await openSession(gateway, 'implicit');
    const strike = step.behind === undefined ? undefined : { behind: step.behind, struck };
    const heard = await sendStubbornly(client, strike);
    expect(codes(heard)).toEqual(wanted(step, fault, backup));
    expectOneTruth(heard, arrivals);
    if (step.reach === 'message') expect(second?.connections ?? []).toEqual([]);

    const before = arrivals().length;
    await situation.heal();
    const next = await openSession(gateway, 'implicit');
    expect(codes(await sendStubbornly(next))).toEqual(ALL_YES);
    expect(arrivals()).toHaveLength(before + 1);
    client.destroy();
    next.destroy();
  });

  test('where nothing listens', async () => {
    situation = await startFaultSituation({ backup });
    const { gateway, first, arrivals } = situation;
    await first.down();
    const client = await openSession(gateway, 'implicit');
    const heard = await sendStubbornly(client);
    expect(codes(heard)).toEqual(backup ? ALL_YES : ['451']);
    expectOneTruth(heard, arrivals);
    await situation.heal();
    expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
    client.destroy();
  });
});
