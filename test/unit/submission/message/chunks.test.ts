// The chunks of one message between the wire and the message: what is refused before it has come, and how small pieces travel.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Chunk, Chunks, readChunk } from '../../../../src/submission/message/chunks.ts';
import { gathering } from '../../../../src/submission/message/gathering.ts';
import type { MessageOptions } from '../../../../src/submission/message/message.ts';
import { Swallowed } from '../../../../src/submission/message/swallowed.ts';
import { beginMessage, HEADER, MessageUpstream, QUEUED } from '../../../support/message-situation.ts';

const WHOLE = `${HEADER}Message-ID: <1@example.org>\r\nDate: Sat, 21 Nov 2026 08:00:00 +0000\r\n\r\nText\r\n`;

describe('the command', () => {
  test.each<[string, Chunk]>([
    ['BDAT 0', { octets: 0, last: false }],
    ['bdat 86 last', { octets: 86, last: true }],
    ['BDAT  86  LAST ', { octets: 86, last: true }],
    ['BDAT 00000000000000000086', { octets: 86, last: false }],
    ['BDAT 9007199254740993', { octets: Number.MAX_SAFE_INTEGER, last: false }],
    ['BDAT 99999999999999999999', { octets: Number.MAX_SAFE_INTEGER, last: false }],
  ])('%s', (line, chunk) => {
    expect(readChunk(line)).toEqual(chunk);
  });

  test.each([
    'BDAT',
    'BDAT x',
    'BDAT -1',
    'BDAT 1.5',
    'BDAT 5 FIRST',
    'BDAT 000000000000000000086',
    'BDATA 5',
  ])('%s says no size', (line) => {
    expect(readChunk(line)).toMatchObject({ refused: true, code: 'command-syntax' });
  });
});

function beginChunks(changes: Partial<MessageOptions> = {}, binary = false) {
  const situation = beginMessage({ maxMessageBytes: 1000, ...changes });
  const chunks = new Chunks({ message: situation.message, binary, maxMessageBytes: 1000 });
  const taken = vi.fn();
  return {
    ...situation,
    taken,
    /** `announced` in place of the octets' own number. */
    async send(octets: string, { last = false, announced = octets.length } = {}) {
      const sink = chunks.next({ octets: announced, last }, taken);
      if (octets !== '') await sink.push(Buffer.from(octets, 'latin1'));
      if (announced === octets.length) await sink.end();
    },
  };
}

describe('a chunk', () => {
  test('that makes the message too large is refused before its octets have come: nothing of them goes on', async () => {
    const { send, upstream, message, outcomes } = beginChunks();
    await send(HEADER);
    await send(WHOLE.slice(HEADER.length), { announced: 1001 - HEADER.length });
    expect(message.refused).toBe(true);
    expect(upstream).toMatchObject({ calls: ['abort'], text: '' });
    expect(outcomes).toEqual([]);
  });

  test('that just fits is taken', async () => {
    const { send, outcomes } = beginChunks();
    await send(WHOLE);
    await send(`${'x'.repeat(998 - WHOLE.length)}\r\n`, { last: true });
    expect(outcomes).toMatchObject([{ verdict: QUEUED, bytes: 1000 }]);
  });

  test('that is refused tells its outcome, one that is taken does not, and the last one does', async () => {
    for (const binary of [false, true]) {
      const { send, taken, outcomes } = beginChunks({}, binary);
      await send(HEADER);
      expect(taken).toHaveBeenCalledTimes(1);
      await send('X: \0\r\n');
      expect(outcomes).toMatchObject([{ verdict: { code: 'nul-byte' }, stage: 'body' }]);
      expect(taken).toHaveBeenCalledTimes(1);
    }
  });

  test('counts without the dots that were put in', async () => {
    for (const binary of [false, true]) {
      const { send, outcomes, upstream } = beginChunks({}, binary);
      await send(`${WHOLE}.\r\n..\r\n`, { last: true });
      expect(outcomes).toMatchObject([{ verdict: QUEUED, bytes: WHOLE.length + 7 }]);
      expect(upstream.text.endsWith('Text\r\n..\r\n...\r\n')).toBe(true);
    }
  });

  test('of a binary message may hold anything behind the empty line, and nothing before it', async () => {
    const { send, outcomes, upstream } = beginChunks({}, true);
    for (const octet of `${WHOLE}\n\r\0`) await send(octet);
    await send('\n\n.', { last: true });
    expect(outcomes).toMatchObject([{ verdict: QUEUED }]);
    expect(upstream.text.endsWith('Text\r\n\n\r\0\n\n.')).toBe(true);
  });
});

describe('a slow client', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('cannot keep itself alive with chunks of nothing', async () => {
    const { send, onTooSlow } = beginChunks({ minBytesPerSecond: 50 });
    await send(HEADER);
    vi.advanceTimersByTime(60_000);
    await send('');
    expect(onTooSlow).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    await send('');
    expect(onTooSlow).toHaveBeenCalled();
  });

  test('that trickles what is thrown away is hung up on', () => {
    const { swallowed, said } = swallowing(1000);
    const sink = swallowed.next({ verdict: QUEUED, onEnd: () => undefined });
    sink.push(Buffer.alloc(100));
    vi.advanceTimersByTime(60_001);
    sink.push(Buffer.alloc(10));
    expect(said).toEqual([421, 'too slow']);
  });
});

function swallowing(maxMessageBytes: number) {
  const said: (number | string)[] = [];
  const door = { settings: { maxMessageBytes, minBytesPerSecond: 50 } };
  const wire = {
    id: 's',
    reply: ({ code }: { code: number }) => said.push(code),
    hangUp: (cause: string) => said.push(cause),
  };
  return { said, swallowed: new Swallowed({ door, wire } as never) };
}

describe('what is thrown away', () => {
  const verdict = { code: 503, lines: ['5.5.1 no'] };

  test('is bounded for all chunks of a session together, until a message goes through', () => {
    const { swallowed, said } = swallowing(1000);
    const push = (octets: number) =>
      swallowed.next({ verdict, onEnd: () => undefined }).push(Buffer.alloc(octets));
    push(1000);
    push(1000);
    swallowed.forgive();
    push(2000);
    expect(said).toEqual([]);
    push(1);
    expect(said).toEqual([503, 'sent on and on after a refusal']);
  });
});

describe('small pieces', () => {
  function begin() {
    const upstream = new MessageUpstream();
    const writes: number[] = [];
    const write = upstream.write.bind(upstream);
    upstream.write = (bytes) => {
      writes.push(bytes.length);
      return write(bytes);
    };
    return { upstream, writes, transaction: gathering(upstream) };
  }

  test('leave together, in their order', async () => {
    const { upstream, writes, transaction } = begin();
    let text = '';
    for (let index = 0; index < 40_000; index += 1) {
      const piece = String(index % 10);
      text += piece;
      expect(transaction.write(index % 2 ? piece : Buffer.from(piece))).toBe(true);
    }
    expect(await transaction.finish(Buffer.from('end'))).toEqual(QUEUED);
    expect(upstream.text).toBe(`${text}end`);
    expect(writes).toEqual([16_385, 16_385]);
  });

  test('go in front of a large one, which says whether to wait', async () => {
    const { upstream, writes, transaction } = begin();
    transaction.write('first');
    upstream.takes = false;
    expect(transaction.write(Buffer.alloc(20_000, 'x'))).toBe(false);
    expect(await transaction.finish(undefined)).toEqual(QUEUED);
    expect(writes).toEqual([20_005]);
    expect(upstream.text.slice(0, 6)).toBe('firstx');
    expect(upstream.calls).toEqual(['finish']);
  });

  test('hide nothing of the transaction', async () => {
    const { upstream, transaction } = begin();
    upstream.verdict = { code: 452, lines: ['4.3.1 full'] };
    expect(transaction.verdict).toBe(upstream.verdict);
    expect(await transaction.data()).toMatchObject({ code: 354 });
    transaction.abort();
    expect(upstream.calls).toEqual(['data', 'abort']);
  });
});
