// XFORWARD at a scripted upstream.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Origin } from '../../../../src/relay/origin.ts';
import { hangUp, reply, silence } from '../../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../../support/steady-time.ts';
import {
  ALICE_TOLD,
  openDialogue,
  originOf,
  person,
  said,
  start,
  stop,
  tell,
  upstream,
} from './situation.ts';

useSteadyTime();

beforeEach(() => start());
afterEach(stop);

const XFORWARD = { xforward: 'required' } as const;
const TOLD = 'XFORWARD NAME=[UNAVAILABLE] ADDR=203.0.113.9 PORT=40001 PROTO=ESMTP HELO=laptop.example';

test('the client is told before each message, in full, and the user is not', async () => {
  const dialogue = await openDialogue();
  expect(await tell(dialogue, originOf(), XFORWARD)).toBeUndefined();
  expect(
    await tell(dialogue, originOf(person('bob@example.org'), { name: undefined }), XFORWARD),
  ).toBeUndefined();
  expect(said()).toEqual([TOLD, TOLD.replace('laptop.example', '[UNAVAILABLE]')]);
});

test('XCLIENT comes first where both are wanted, and is said once', async () => {
  const dialogue = await openDialogue();
  const both = { xclient: 'required', xforward: 'required' } as const;
  await tell(dialogue, originOf(), both);
  await tell(dialogue, originOf(), both);
  expect(said()).toEqual([`XCLIENT ${ALICE_TOLD}`, 'EHLO laptop.example', TOLD, TOLD]);
});

test('an IPv6 address that the upstream cannot read is left out', async () => {
  upstream.on('XFORWARD', reply('501 5.5.4 Bad ADDR syntax: IPV6:2001:db8::7'), { match: 'IPV6' });
  const dialogue = await openDialogue();
  expect(await tell(dialogue, originOf(undefined, { address: '2001:db8::7' }), XFORWARD)).toBeUndefined();
  expect(said()[1]).toContain(' ADDR=[UNAVAILABLE] ');
});

test('no value makes a line longer than 512 octets', async () => {
  const dialogue = await openDialogue();
  const client: Partial<Origin['client']> = {
    name: 'n'.repeat(255),
    address: 'fd00:1111:2222:3333:4444:5555:6666:7777',
  };
  expect(await tell(dialogue, originOf(undefined, client), XFORWARD)).toBeUndefined();
  expect(said()[0]?.length).toBeLessThanOrEqual(510);
});

describe('where it is not offered', () => {
  beforeEach(async () => {
    await stop();
    await start([]);
  });
  test('nothing is said', async () => {
    expect(await tell(await openDialogue(), originOf(), { xforward: 'when-offered' })).toBeUndefined();
    expect(said()).toEqual([]);
  });
  test('but required, the operator learns which setting to change', async () => {
    expect(await tell(await openDialogue(), originOf(), XFORWARD)).toMatchObject({
      code: 'upstream-login',
      reason: expect.stringContaining('smtpd_authorized_xforward_hosts'),
    });
  });
});

test.each([
  [reply('550 5.7.0 Error: insufficient authorization'), 'upstream-login'],
  [reply('354 go ahead'), 'upstream-protocol'],
  [silence(), 'upstream-timeout'],
  [hangUp(), 'upstream-lost'],
])('after %j the connection carries no message', async (answer, code) => {
  upstream.on('XFORWARD', answer);
  const dialogue = await openDialogue();
  expect(await tell(dialogue, originOf(), { xforward: 'when-offered' })).toMatchObject({ code });
  expect(dialogue.lost).toBeDefined();
});
