// Faults of an upstream between two messages: while a connection is kept, at RSET and at QUIT. The client notices none of them,
// unless the upstream is away for good.

import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  ALL_YES,
  codes,
  type FaultSituation,
  sendStubbornly,
  startFaultSituation,
} from '../../support/fault-situation.ts';
import {
  hangUp,
  raw,
  reply,
  reset,
  type ScriptedUpstream,
  silence,
} from '../../support/scripted-upstream.ts';
import type { SmtpClient } from '../../support/smtp-client.ts';
import { openSession } from '../../support/smtp-session.ts';
import { useSteadyTime } from '../../support/steady-time.ts';
import { FAULTS } from '../../support/upstream-faults.ts';

useSteadyTime();

let situation: FaultSituation;
let client: SmtpClient;
afterEach(async () => {
  client.destroy();
  await situation.close();
});

async function start(options: { backup: boolean; maxMessagesPerConnection?: number }): Promise<void> {
  const { backup, maxMessagesPerConnection = 100 } = options;
  situation = await startFaultSituation({ backup, relay: { maxConnections: 1, maxMessagesPerConnection } });
  client = await openSession(situation.gateway, 'implicit');
}

/** Nothing of what the upstream did has been seen by Postern: MAIL and the end of the connection cross on their way. */
const IDLE: { it: string; act: (upstream: ScriptedUpstream) => void }[] = [
  { it: 'closes it', act: (upstream) => upstream.connections.at(-1)?.hangUp() },
  { it: 'resets it', act: (upstream) => upstream.connections.at(-1)?.reset() },
  { it: 'says nonsense', act: (upstream) => upstream.connections.at(-1)?.say('what?\r\n') },
  { it: 'says 250 unasked', act: (upstream) => upstream.connections.at(-1)?.say('250 2.0.0 again\r\n') },
  {
    it: 'says 421 and closes it',
    act(upstream) {
      upstream.connections.at(-1)?.say('421 4.4.2 idle too long\r\n');
      upstream.connections.at(-1)?.hangUp();
    },
  },
];

describe.each([
  { beside: 'no other', backup: false },
  { beside: 'a healthy one', backup: true },
])('with $beside beside it', ({ backup }) => {
  test.each(IDLE)('on a kept connection it $it', async ({ act }) => {
    await start({ backup });
    expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
    act(situation.first);
    expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
    expect(situation.first.accepted).toHaveLength(2);
  });

  test.each(FAULTS)('at MAIL on a kept connection it $name, once', async (fault) => {
    await start({ backup });
    expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
    const { first, arrivals } = situation;
    first.on('MAIL', fault.answer(first), { times: 1 });
    const heard = codes(await sendStubbornly(client));
    // Waiting for a reply has taken all the patience there is; its own word is passed on; and one that is away is away.
    const gone = /is silent|half|stops/.test(fault.name) || fault.ownWord !== undefined;
    const own = fault.ownWord === 554 ? ['554'] : backup ? ALL_YES : ['451'];
    expect(heard).toEqual(gone ? own : ALL_YES);
    expect(arrivals()).toHaveLength(heard.length === 5 ? 2 : 1);
    await situation.heal();
    expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
  });

  test('stopped while a connection is kept, it is missed by nobody where there is another one', async () => {
    await start({ backup });
    expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
    await situation.first.down();
    expect(codes(await sendStubbornly(client))).toEqual(backup ? ALL_YES : ['451']);
    await situation.heal();
    expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
  });
});

test('a kept connection that speaks unasked is closed at once, and one in use may be refused in mid-message', async () => {
  await start({ backup: false });
  const { first } = situation;
  expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
  expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
  expect(first.connections).toHaveLength(1);
  first.connections[0]?.say('250 2.0.0 again\r\n');
  await vi.waitFor(() => expect(first.connections[0]?.closed).toBe(true), { timeout: 10_000 });
  expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
  first.on('DATA', reply('354 go ahead', '552 5.3.4 too big'), { times: 1 });
  expect(codes(await sendStubbornly(client))).toContain('552');
  expect(first.connections).toHaveLength(2);
});

test.each(FAULTS)(
  'at RSET it $name: the next message goes over another connection, and only that one arrives',
  async (fault) => {
    await start({ backup: true });
    const { first, arrivals } = situation;
    first.on('RSET', fault.answer(first), { times: 1 });
    for (const line of ['MAIL FROM:<alice@example.org>', 'RCPT TO:<dave@example.net>', 'RSET'])
      expect(await client.command(line)).toEqual([expect.stringMatching(/^250 /)]);
    expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
    expect(arrivals()).toHaveLength(1);
    expect(arrivals()[0]?.recipients.join()).not.toContain('dave');
  },
);

test.each([
  { it: 'is silent', answer: silence() },
  { it: 'resets the connection', answer: reset() },
  { it: 'closes the connection', answer: hangUp() },
  { it: 'answers nonsense', answer: raw('what?\r\n') },
  { it: 'says 421', answer: hangUp('421 4.3.2 bye') },
  { it: 'says 554 and stays', answer: reply('554 5.3.0 never') },
])('at QUIT it $it: never two connections where one is allowed', async ({ answer }) => {
  await start({ backup: false, maxMessagesPerConnection: 1 });
  const { first, gateway } = situation;
  first.on('QUIT', answer);
  expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
  const since = performance.now();
  expect(codes(await sendStubbornly(client))).toEqual(ALL_YES);
  expect(performance.now() - since).toBeLessThan(3_000);
  expect(first.accepted).toHaveLength(2);
  expect(gateway.upstream.connections).toHaveLength(2);
});
