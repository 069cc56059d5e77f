// A message that is broken off or trickles: what the upstream hears of it, and when its client is given up.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Refusal, refuse } from '../../../src/refusal.ts';
import type { Reply } from '../../../src/relay/connection/reply.ts';
import {
  beginMessage as begin,
  HEADER,
  type MessageSituation,
  QUEUED,
  sendMessage as send,
} from '../../support/message-situation.ts';

afterEach(() => void vi.useRealTimers());

describe('a client that vanishes', () => {
  test('in the header: the upstream hears no DATA', async () => {
    const { message, upstream, scanner, outcomes } = begin();
    message.push(Buffer.from(HEADER), scanner);
    message.abandon();
    expect([upstream.calls, outcomes]).toEqual([['abort'], []]);
  });

  test.each(['whole', 'streamed'])('while DATA is asked, %s: no byte of it goes out', async (how) => {
    const answer = Promise.withResolvers<Reply | Refusal>();
    const { message, upstream, scanner, outcomes } = begin({}, { data354: answer.promise });
    const bytes = Buffer.from(`${HEADER}\r\n`);
    const done = how === 'whole' ? message.end(bytes, scanner) : message.push(bytes, scanner);
    message.abandon();
    answer.resolve({ code: 354, lines: ['go'] });
    await done;
    expect(upstream).toMatchObject({ calls: ['data', 'abort'], text: '' });
    expect(outcomes).toEqual([]);
  });

  test('in mid-body: cut off', async () => {
    const { message, upstream, scanner, outcomes } = begin();
    await message.push(Buffer.from(`${HEADER}\r\n`), scanner);
    message.abandon();
    expect([upstream.calls, outcomes]).toEqual([['data', 'abort'], []]);
  });

  test('after the final dot: the upstream is not disturbed, and its word is told', async () => {
    const verdict = Promise.withResolvers<Reply>();
    const { message, upstream, scanner, outcomes } = begin({}, { final: verdict.promise });
    const done = message.end(Buffer.from(`${HEADER}\r\n`), scanner);
    await nextTurn();
    message.abandon();
    message.interrupt(refuse('session-revoked', 'too late'));
    verdict.resolve(QUEUED);
    await done;
    expect(upstream.calls).toEqual(['data', 'finish']);
    expect(outcomes).toMatchObject([{ verdict: QUEUED }]);
  });

  test('after a refusal: the upstream is told once only, and nobody waits for an outcome', async () => {
    const { message, upstream, scanner, outcomes } = begin();
    message.push(Buffer.from('From: bob@example.org\r\n\r\n'), scanner);
    await nextTurn();
    message.abandon();
    await message.end(Buffer.from('x\r\n'), scanner);
    expect(upstream.calls.filter((call) => call !== 'abort')).toEqual([]);
    expect(outcomes).toEqual([]);
  });
});

describe('the pace', () => {
  const MINUTE = 60_000;

  function trickle(options: { bytes: number; until: number }): MessageSituation {
    vi.useFakeTimers({ toFake: ['performance'] });
    const situation = begin();
    vi.advanceTimersByTime(options.until);
    situation.message.push(Buffer.from('x'.repeat(options.bytes)), situation.scanner);
    return situation;
  }

  test('is judged after a minute', () => {
    expect(trickle({ bytes: 100, until: MINUTE - 1 }).onTooSlow).not.toHaveBeenCalled();
    expect(trickle({ bytes: 100, until: MINUTE + 1 }).onTooSlow).toHaveBeenCalledOnce();
    expect(trickle({ bytes: 900, until: 2 * MINUTE }).onTooSlow).toHaveBeenCalledOnce();
  });

  test('is judged by bytes a second', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { message, scanner, onTooSlow } = begin({ maxHeaderBytes: 10_000 });
    vi.advanceTimersByTime(2 * MINUTE);
    message.push(Buffer.from('x'.repeat(6000)), scanner);
    expect(onTooSlow).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    message.push(Buffer.from('x'), scanner);
    expect(onTooSlow).toHaveBeenCalledOnce();
  });

  test('does not count the time for which the upstream made the client wait', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const situation = begin({}, { takes: false });
    const waits = situation.message.push(Buffer.from(`${HEADER}\r\n`), situation.scanner);
    await nextTurn();
    vi.advanceTimersByTime(10 * MINUTE);
    situation.upstream.drain.resolve();
    await waits;
    vi.advanceTimersByTime(1000);
    void situation.message.push(Buffer.from('x'), situation.scanner);
    expect(situation.onTooSlow).not.toHaveBeenCalled();
  });

  test('of a message that is all here does not matter any more: given up now, it would come twice', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const situation = begin();
    vi.advanceTimersByTime(2 * MINUTE);
    expect(await send(situation, [], `${HEADER}\r\n`)).toMatchObject({ verdict: QUEUED });
    expect(situation.onTooSlow).not.toHaveBeenCalled();
  });
});
