// A binary message on its way to the upstream: chunks of the relay's own, their replies, and the LAST that only a whole message gets.

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { DotStuffer } from '../../../../src/relay/transaction/dot-stuffing.ts';
import type { RelayTransaction } from '../../../../src/relay/transaction/transaction.ts';
import { ALICE, BOB, ORIGIN, relay, send, start, stop, upstream } from '../../../support/relay-situation.ts';
import { hangUp, held, raw, reply, silence } from '../../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../../support/steady-time.ts';

useSteadyTime();

const OFFERS = ['PIPELINING', 'CHUNKING', 'BINARYMIME'];
const CHUNK = 65_536;

beforeEach(() => start({ keywords: OFFERS }));
afterEach(stop);

async function beginBinary(): Promise<RelayTransaction> {
  const begun = await relay.begin({ ...ALICE, parameters: { BODY: 'BinaryMime' } }, ORIGIN);
  if (isRefusal(begun) || !begun.transaction) throw new Error(JSON.stringify(begun));
  await begun.transaction.recipient(BOB);
  expect(await begun.transaction.data()).toMatchObject({ code: 354 });
  return begun.transaction;
}

/** Writes all of it, as it would come from a client by way of the door: dot-stuffed, in pieces, waiting where told to. */
async function writeAll(transaction: RelayTransaction, octets: Buffer, size: number): Promise<void> {
  const stuffer = new DotStuffer();
  for (let at = 0; at < octets.length && !transaction.verdict; at += size) {
    if (!transaction.write(stuffer.stuff(octets.subarray(at, at + size)))) await transaction.drained();
  }
}

const commands = () => upstream.connections[0]?.commands.filter((line) => line.startsWith('BDAT')) ?? [];
const cut = () => upstream.until(() => upstream.connections[0]?.closed === true, 'the connection to be cut');

describe('octets', () => {
  test.each([1, 7, 8191, CHUNK, 300_000])('written %d at a time arrive as they are', async (size) => {
    const octets = Buffer.concat([
      Buffer.from('\r\n..\r\n.\r\n\n.\r\0'),
      randomBytes(200_000),
      Buffer.from('\r\n.'),
    ]);
    const transaction = await beginBinary();
    await writeAll(transaction, octets, size);
    expect(await transaction.finish(undefined)).toMatchObject({ code: 250 });
    expect(upstream.accepted[0]?.data.equals(octets)).toBe(true);
    // However small the pieces were, there are as many chunks as must be.
    expect(upstream.accepted[0]?.chunks).toEqual([CHUNK, CHUNK, CHUNK, octets.length - 3 * CHUNK]);
    expect(commands().at(-1)).toMatch(/ LAST$/);
  });

  test('that fill a chunk exactly, or are none at all', async () => {
    for (const size of [0, CHUNK, 2 * CHUNK]) {
      const transaction = await beginBinary();
      expect(await transaction.finish(Buffer.alloc(size, 'x'))).toMatchObject({ code: 250 });
      expect(upstream.accepted.at(-1)?.data.length).toBe(size);
    }
    expect(commands()).toEqual(['BDAT 0 LAST', 'BDAT 65536 LAST', 'BDAT 65536', 'BDAT 65536 LAST']);
    expect(upstream.connections).toHaveLength(1);
  });

  test('next to a message of text on the same connection', async () => {
    const transaction = await beginBinary();
    await transaction.finish(Buffer.from('Subject: x\r\n\r\n\n'));
    expect(await send()).toMatchObject({ code: 250 });
    expect(upstream.connections).toHaveLength(1);
    expect(upstream.accepted.map(({ text }) => text)).toEqual([
      'Subject: x\r\n\r\n\n',
      'Subject: x\r\n\r\nhello\r\n',
    ]);
  });
});

describe('chunks on their way', () => {
  test.each([
    ['four at most', OFFERS, 4],
    ['one at most, where the upstream does not pipeline', ['CHUNKING', 'BINARYMIME'], 1],
  ])('%s, and the client waits', async (_many, keywords, limit) => {
    await start({ keywords });
    const { promise, resolve } = Promise.withResolvers<void>();
    upstream.on('BDAT', held(promise, reply('250 2.0.0 ok')), { times: 1 });
    const transaction = await beginBinary();
    const written = writeAll(transaction, Buffer.alloc(20 * CHUNK, 'x'), 16_384);
    // What the upstream has not read yet lies in the socket; what was sent is seen when it goes on.
    const sent = () => upstream.connections[0]?.received.toString('latin1').match(/BDAT/g)?.length;
    await upstream.until(() => sent() === limit, 'as many chunks as may be on their way');
    const stood = await Promise.race([written.then(() => 'through'), nextSecond()]);
    expect(stood).toBe('standing');
    expect(sent()).toBe(limit);
    resolve();
    await written;
    expect(await transaction.finish(undefined)).toMatchObject({ code: 250 });
    expect(upstream.accepted[0]?.text).toHaveLength(20 * CHUNK);
  });

  test('LAST waits until every one before it was taken', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    upstream.on('BDAT', held(promise, reply('452 4.3.1 disk full')), { times: 1 });
    const transaction = await beginBinary();
    await writeAll(transaction, Buffer.alloc(CHUNK + 10, 'x'), 16_384);
    const verdict = transaction.finish(undefined);
    await upstream.received('BDAT 65536\r\n');
    resolve();
    expect(await verdict).toMatchObject({ code: 452 });
    await cut();
    expect(commands()).toEqual(['BDAT 65536']);
    expect(upstream.accepted).toEqual([]);
  });
});

describe('the upstream’s answer to a chunk', () => {
  test.each<[string, ReturnType<typeof reply>, unknown]>([
    ['its own 4xx', reply('452 4.3.1 disk full'), { code: 452, lines: ['4.3.1 disk full'] }],
    ['its own 5xx', reply('552 5.3.4 too much'), { code: 552 }],
    ['a 421', hangUp('421 4.3.2 bye'), { refused: true, code: 'upstream-unavailable' }],
    ['hanging up', hangUp(), { refused: true, code: 'upstream-lost' }],
    ['silence', silence(), { refused: true, code: 'upstream-timeout' }],
    ['garbage', raw('what?\r\n'), { refused: true, code: 'upstream-protocol' }],
    ['a reply of the wrong class', reply('354 go on'), { refused: true, code: 'upstream-protocol' }],
    ['asking for a login', reply('530 5.7.0 sign in'), { refused: true, code: 'upstream-login' }],
  ])('%s is the verdict, and LAST never follows', async (_what, answer, expected) => {
    await start({ keywords: OFFERS }, { replyTimeout: 500 });
    upstream.on('BDAT', answer);
    const transaction = await beginBinary();
    await writeAll(transaction, Buffer.alloc(40 * CHUNK, 'x'), 16_384);
    expect(transaction.verdict).toMatchObject(expected as object);
    expect(await transaction.finish(Buffer.from('more'))).toMatchObject(expected as object);
    await cut();
    expect(upstream.connections[0]?.received.toString('latin1')).not.toContain('LAST');
    expect(await send()).toMatchObject({ code: 250 });
  });

  test('that does not come is waited for as long as any other, once its turn is there', async () => {
    await start({ keywords: OFFERS }, { replyTimeout: 500 });
    upstream.on('BDAT', silence());
    upstream.on('BDAT', reply('250 2.0.0 ok'), { times: 1 });
    const transaction = await beginBinary();
    await writeAll(transaction, Buffer.alloc(3 * CHUNK, 'x'), 16_384);
    expect(await transaction.finish(undefined)).toMatchObject({ code: 'upstream-timeout' });
    await cut();
  });

  test('with LAST is the verdict on the message', async () => {
    upstream.on('end', reply('550 5.7.1 spam'), { times: 1 });
    const transaction = await beginBinary();
    await writeAll(transaction, Buffer.alloc(CHUNK + 1, 'x'), 16_384);
    expect(await transaction.finish(undefined)).toMatchObject({ code: 550, lines: ['5.7.1 spam'] });
    expect(await send()).toMatchObject({ code: 250 });
    expect(upstream.connections).toHaveLength(1);
  });

  test('that comes unasked leaves the message unfinished', async () => {
    upstream.on('RCPT', reply('250 2.1.5 ok', '250 2.1.5 ok again'));
    const transaction = await beginBinary();
    expect(await transaction.finish(Buffer.from('x'))).toMatchObject({ code: 'upstream-protocol' });
    expect(commands()).toEqual([]);
  });
});

test('given up in mid-message it is cut, and LAST never follows', async () => {
  const transaction = await beginBinary();
  await writeAll(transaction, Buffer.alloc(CHUNK + 1, 'x'), 16_384);
  await upstream.received('BDAT 65536\r\n');
  transaction.abort();
  await cut();
  expect(commands()).toEqual(['BDAT 65536']);
});

const nextSecond = () => new Promise((resolve) => setTimeout(() => resolve('standing'), 150));
