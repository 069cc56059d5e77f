// The octets of a chunk on the wire: exactly so many go to their sink, however they are cut and whatever they look like.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type ChunkSink, WireStream } from '../../../src/submission/message/wire.ts';

interface Heard {
  readonly stream: WireStream;
  /** Lines, pieces of chunks in brackets, `end` of each, in order. */
  readonly seen: string[];
  readonly errors: string[];
}

/** A line `BDAT n` begins a chunk of n octets. */
function listen(sink: Partial<ChunkSink> = {}): Heard {
  const stream = new WireStream();
  const heard: Heard = { stream, seen: [], errors: [] };
  stream.online = (line, done) => {
    const text = line.toString('latin1');
    heard.seen.push(text);
    const octets = /^BDAT (\d+)$/.exec(text)?.[1];
    if (octets !== undefined) stream.startChunk(Number(octets), sinkInto(heard, sink));
    done();
  };
  stream.on('error', (error) => heard.errors.push(error.message));
  return heard;
}

const sinkInto = ({ seen }: Heard, sink: Partial<ChunkSink>): ChunkSink => ({
  push(octets) {
    seen.push(`[${octets.toString('latin1')}]`);
    return sink.push?.(octets);
  },
  end() {
    seen.push('end');
    return sink.end?.();
  },
});

const joined = (seen: readonly string[]) => seen.join(' ').replaceAll('] [', '');

describe('a chunk', () => {
  const BYTES = Buffer.from('EHLO a\r\nBDAT 12\r\nQUIT\r\n\r\n.\r\n\0BDAT 0\r\nBDAT 3\r\n\n\n\nNOOP\r\n');

  test.each([1, 2, 3, 5, 7, 100])('cut every %d bytes', async (size) => {
    const { stream, seen } = listen();
    for (let at = 0; at < BYTES.length; at += size) stream.write(BYTES.subarray(at, at + size));
    await nextTurn();
    expect(joined(seen)).toBe('EHLO a BDAT 12 [QUIT\r\n\r\n.\r\n\0] end BDAT 0 end BDAT 3 [\n\n\n] end NOOP');
  });

  test('of which not all has come has no end', async () => {
    const { stream, seen } = listen();
    stream.write('BDAT 9007199254740991\r\nNOOP\r\nNOOP\r\n');
    stream.end();
    await nextTurn();
    expect(seen).toEqual(['BDAT 9007199254740991', '[NOOP\r\nNOOP\r\n]']);
  });

  test('whose sink is busy makes the client wait, in it and at its end', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { stream, seen } = listen({ push: () => gates[0]?.promise, end: () => gates[1]?.promise });
    let read = false;
    stream.write('BDAT 4\r\nhalfNOOP\r\n', () => {
      read = true;
    });
    await nextTurn();
    expect(seen).toEqual(['BDAT 4', '[half]']);
    expect(stream.waiting).toBe(true);
    gates[0]?.resolve();
    await nextTurn();
    expect(seen).toEqual(['BDAT 4', '[half]', 'end']);
    expect(read).toBe(false);
    gates[1]?.resolve();
    await nextTurn();
    expect(seen).toEqual(['BDAT 4', '[half]', 'end', 'NOOP']);
    expect(read).toBe(true);
    expect(stream.waiting).toBe(false);
  });

  test.each(['push', 'end'] as const)(
    'whose sink throws at its %s ends the stream, and nothing else',
    async (step) => {
      const broken = () => {
        throw new Error('broken');
      };
      const { stream, seen, errors } = listen({ [step]: broken });
      stream.write('BDAT 4\r\nfullNOOP\r\n');
      await nextTurn();
      expect(errors).toEqual(['broken']);
      expect(seen).not.toContain('NOOP');
    },
  );

  test('whose client is hung up on has no end: the message that it ends is none', async () => {
    const heard: Heard = listen({
      push() {
        heard.stream.isClosed = true;
        return undefined;
      },
    });
    heard.stream.write('BDAT 4\r\nfullNOOP\r\n');
    await nextTurn();
    expect(heard.seen).toEqual(['BDAT 4', '[full]']);
  });

  test('after a chunk leaves others their turn', async () => {
    const { stream, seen } = listen();
    const turns: number[] = [];
    const watch = (): void => {
      turns.push(seen.length);
      if (seen.at(-1) !== 'QUIT') setImmediate(watch);
    };
    setImmediate(watch);
    stream.write(`${'BDAT 1\r\nx'.repeat(1000)}QUIT\r\n`);
    await expect.poll(() => seen.at(-1)).toBe('QUIT');
    expect(seen.filter((entry) => entry === 'end')).toHaveLength(1000);
    expect(turns.length).toBeGreaterThan(10);
  });
});
