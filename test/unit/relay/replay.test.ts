// The envelope repeated at the next upstream: whole or not at all, and for nobody who has gone meanwhile.

import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { isRefusal } from '../../../src/refusal.ts';
import { createRelay } from '../../../src/relay/relay.ts';
import { type FaultSituation, startFaultSituation } from '../../support/fault-situation.ts';
import { ALICE, BOB, ORIGIN, upstreamSettings } from '../../support/relay-situation.ts';
import {
  hangUp,
  held,
  reply,
  reset,
  type ScriptedUpstream,
  silence,
} from '../../support/scripted-upstream.ts';
import type { SmtpClient } from '../../support/smtp-client.ts';
import { openSession } from '../../support/smtp-session.ts';
import { useSteadyTime } from '../../support/steady-time.ts';

useSteadyTime();

const MANY = 100;
const MESSAGE = 'From: alice@example.org\r\nSubject: x\r\n\r\nhello\r\n.';

let situation: FaultSituation;
let client: SmtpClient;
let first: ScriptedUpstream;
let second: ScriptedUpstream;

async function start(): Promise<void> {
  situation = await startFaultSituation({ backup: true, relay: { replyTimeout: 400 } });
  first = situation.first;
  second = situation.second as ScriptedUpstream;
  client = await openSession(situation.gateway, 'implicit');
}
afterEach(async () => {
  client.destroy();
  await situation.close();
});

const address = (number: number): string => `friend-${number}@example.net`;
const code = async (line: string): Promise<string> => (await client.command(line))[0]?.slice(0, 3) ?? '';

/** MAIL and so many recipients, all of whom the first upstream takes. */
async function beginWith(recipients: number): Promise<void> {
  expect(await code('MAIL FROM:<alice@example.org>')).toBe('250');
  for (let number = 0; number < recipients; number += 1)
    expect(await code(`RCPT TO:<${address(number)}>`)).toBe('250');
}

const expectNothing = (): void => {
  expect(situation.arrivals()).toEqual([]);
  expect([...first.incomplete, ...second.incomplete]).toEqual([]);
};

/** The next message, of another client, goes through: no connection and no place in a line is lost. */
async function expectService(): Promise<void> {
  first.calm();
  second.calm();
  const before = situation.arrivals().length;
  const other = await openSession(situation.gateway, 'implicit');
  for (const line of ['MAIL FROM:<alice@example.org>', `RCPT TO:<${address(0)}>`])
    expect(await other.command(line)).toEqual([expect.stringMatching(/^250 /)]);
  expect(await other.command('DATA')).toEqual([expect.stringMatching(/^354 /)]);
  expect(await other.command(MESSAGE)).toEqual([expect.stringMatching(/^250 /)]);
  expect(situation.arrivals()).toHaveLength(before + 1);
  other.destroy();
}

describe.each([
  { at: 'RCPT', answer: reset() },
  { at: 'RCPT', answer: hangUp('421 4.3.2 bye') },
  { at: 'DATA', answer: hangUp() },
  { at: 'DATA', answer: reply('250 hello') },
] as const)('after a failure at $at ($answer.bytes)', ({ at, answer }) => {
  const failing = address(MANY);
  const place = (): void => first.on(at, answer, at === 'RCPT' ? { match: failing } : {});
  /** The command at which it fails, in the end. */
  const pending = async (): Promise<string> => {
    if (at === 'RCPT') return code(`RCPT TO:<${failing}>`);
    expect(await code('DATA')).toBe('354');
    return code(MESSAGE);
  };

  test('many recipients are repeated, in their order, and each is told once', async () => {
    await start();
    place();
    await beginWith(MANY);
    expect(await pending()).toBe('250');
    if (at === 'RCPT') {
      expect(await code('DATA')).toBe('354');
      expect(await code(MESSAGE)).toBe('250');
    }
    const recipients = Array.from({ length: MANY }, (_, number) => `<${address(number)}>`);
    if (at === 'RCPT') recipients.push(`<${failing}>`);
    expect(second.accepted.map((message) => message.recipients)).toEqual([recipients]);
    expect(situation.arrivals()).toHaveLength(1);
  });

  test.each([
    { no: reply('550 5.1.1 no such user') },
    { no: reply('450 4.2.0 greylisted') },
    { no: hangUp('421 4.3.2 bye') },
    { no: silence() },
  ])(
    'where the next one does not take them all ($no.bytes), the command is put off and nothing arrives',
    async ({ no }) => {
      await start();
      place();
      second.on('RCPT', no, { match: address(1) });
      await beginWith(3);
      expect(await pending()).toBe('451');
      expectNothing();
      // Whoever goes on all the same is told the same.
      if (at === 'RCPT') {
        expect(await code('DATA')).toBe('354');
        expect(await code(MESSAGE)).toBe('451');
        expectNothing();
      }
      await expectService();
    },
  );

  test('where the next one refuses the sender, the command is put off and nothing arrives', async () => {
    await start();
    place();
    second.on('MAIL', reply('550 5.7.1 never'));
    await beginWith(3);
    expect(await pending()).toBe('451');
    expectNothing();
    await expectService();
  });
});

describe('while the envelope is repeated', () => {
  const failing = address(3);

  /** The repetition stands at its second recipient, the client waits for the answer to its fourth. */
  async function standing(): Promise<{ goOn: () => void }> {
    await start();
    const { promise, resolve } = Promise.withResolvers<void>();
    first.on('RCPT', reset(), { match: failing });
    second.on('RCPT', held(promise, reply('250 2.1.5 ok')), { match: address(1) });
    await beginWith(3);
    await client.write(`RCPT TO:<${failing}>\r\n`);
    await second.received(`RCPT TO:<${address(1)}>`);
    return { goOn: resolve };
  }

  test('a client that says RSET behind its command has neither message', async () => {
    const { goOn } = await standing();
    await client.write('RSET\r\n');
    goOn();
    expect(await client.readReply()).toEqual([expect.stringMatching(/^250 /)]);
    expect(await client.readReply()).toEqual([expect.stringMatching(/^250 /)]);
    await second.received('RSET\r\n');
    expectNothing();
    await expectService();
    expect(second.connections).toHaveLength(1);
  });

  test('a client that says QUIT behind its command has neither message', async () => {
    const { goOn } = await standing();
    await client.write('QUIT\r\n');
    goOn();
    expect(await client.readReply()).toEqual([expect.stringMatching(/^250 /)]);
    expect(await client.readReply()).toEqual([expect.stringMatching(/^221 /)]);
    expectNothing();
    await expectService();
  });

  test('a client that vanishes has neither message', async () => {
    const { goOn } = await standing();
    client.destroy();
    goOn();
    await second.until(
      () => second.connections.every(({ commands, closed }) => closed || commands.at(-1) === 'RSET'),
      'the second upstream to be let go',
    );
    expectNothing();
    await expectService();
  });

  describe('and the door gives the message up', () => {
    /** Begun at the first one, which fails at DATA; the next one is asked, and answers this step only when told. */
    async function givenUpAt(step: 'MAIL' | 'RCPT', match = step as string): Promise<void> {
      await start();
      const { promise, resolve } = Promise.withResolvers<void>();
      const settings = [first, second].map(({ host, port }, priority) => ({
        ...upstreamSettings({ host, port, replyTimeout: 1_000 }),
        ...{ id: `number-${priority}`, priority, weight: 1 },
      }));
      const relay = createRelay({
        hostname: 'gate.example.org',
        settings: { upstreams: settings, routes: [] },
      });
      onTestFinished(() => relay.close());
      first.on('DATA', reset());
      second.on(step, held(promise, reply('250 ok')), { match });
      const begun = await relay.begin(ALICE, ORIGIN);
      if (isRefusal(begun) || !begun.transaction) throw new Error(JSON.stringify(begun));
      const { transaction } = begun;
      for (const recipient of [BOB, ALICE]) await transaction.recipient(recipient);
      const answer = transaction.data();
      await second.received(match);
      transaction.abort();
      resolve();
      expect(await answer).toMatchObject({ refused: true });
      await second.received('RSET\r\n');
    }

    test('before MAIL is answered there, no recipient is named', async () => {
      await givenUpAt('MAIL');
      expect(second.connections[0]?.commands.join()).not.toContain('RCPT');
      expectNothing();
    });

    test('before a recipient is answered there, no further one is named', async () => {
      await givenUpAt('RCPT', BOB.address);
      expect(second.connections[0]?.commands.join().match(/RCPT/g)).toHaveLength(1);
      expectNothing();
    });

    test('before the last recipient is answered there, no message is begun', async () => {
      await givenUpAt('RCPT', `RCPT TO:<${ALICE.address}`);
      expect(second.connections[0]?.commands).not.toContain('DATA');
      expectNothing();
    });
  });
});

test('one that has failed is not tried again for the same message', async () => {
  await start();
  first.on('RCPT', reset());
  second.on('RCPT', reset());
  expect(await code('MAIL FROM:<alice@example.org>')).toBe('250');
  expect(await code(`RCPT TO:<${address(0)}>`)).toBe('451');
  expect(await code(`RCPT TO:<${address(1)}>`)).toBe('451');
  expect(first.connections).toHaveLength(1);
  expect(second.connections).toHaveLength(1);
  expectNothing();
  await expectService();
});
