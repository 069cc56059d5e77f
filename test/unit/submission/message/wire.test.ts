// The client's bytes, however they are cut: command lines in order, one message to its sink, nothing after the end.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type LineFault, type MessageSink, WireStream } from '../../../../src/submission/message/wire.ts';

interface Heard {
  readonly stream: WireStream;
  readonly lines: string[];
  readonly faults: LineFault[];
  readonly errors: string[];
  /** Calls that let the stream go on, oldest first; taken at once unless `patient`. */
  readonly owed: (() => void)[];
}

function listen({ patient = false } = {}): Heard {
  const stream = new WireStream();
  const heard: Heard = { stream, lines: [], faults: [], errors: [], owed: [] };
  const settle = (done: () => void) => (patient ? void heard.owed.push(done) : done());
  stream.online = (line, done) => {
    heard.lines.push(line.toString('latin1'));
    settle(done);
  };
  stream.onfault = (fault, done) => {
    heard.faults.push(fault);
    settle(done);
  };
  stream.on('error', (error) => heard.errors.push(error.message));
  return heard;
}

/** Takes a message; `busy` is what each push gives back. */
function collecting(busy?: () => Promise<void>): MessageSink & { text: string; ended: boolean } {
  const sink = {
    text: '',
    ended: false,
    push(bytes: Buffer) {
      sink.text += bytes.toString('latin1');
      return busy?.();
    },
    async end(last: Buffer) {
      sink.text += last.toString('latin1');
      sink.ended = true;
    },
  };
  return sink;
}

afterEach(() => void vi.useRealTimers());

describe('command lines', () => {
  test.each([1, 2, 3, 7, 100])('cut every %d bytes', async (size) => {
    const { stream, lines } = listen();
    const bytes = Buffer.from('EHLO a\r\nNOOP\r\n\r\nQUIT\r\n');
    for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
    await nextTurn();
    expect(lines).toEqual(['EHLO a', 'NOOP', '', 'QUIT']);
  });

  test('one at a time: the next is read when the one before it is answered', async () => {
    const { stream, lines, owed } = listen({ patient: true });
    stream.write('ONE\r\nTWO\r\nTHREE\r\n');
    await nextTurn();
    expect(lines).toEqual(['ONE']);
    owed.shift()?.();
    expect(lines).toEqual(['ONE', 'TWO']);
    owed.shift()?.();
    expect(lines).toEqual(['ONE', 'TWO', 'THREE']);
  });

  test('an answer given twice reads no line twice', () => {
    const { stream, lines, owed } = listen({ patient: true });
    stream.write('ONE\r\nTWO\r\nTHREE\r\n');
    const [done] = owed;
    done?.();
    done?.();
    expect(lines).toEqual(['ONE', 'TWO']);
  });

  test('many in one chunk leave others their turn, and none is lost', async () => {
    const { stream, lines } = listen();
    stream.write('NOOP\r\n'.repeat(170));
    expect(lines.length).toBeLessThan(170);
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    expect(lines).toHaveLength(170);
  });

  test('after the connection is closed none is read', async () => {
    const { stream, lines, owed } = listen({ patient: true });
    stream.write('QUIT\r\nMAIL\r\n');
    stream.isClosed = true;
    owed.shift()?.();
    stream.write('RCPT\r\n');
    stream.end('DATA');
    await nextTurn();
    expect(lines).toEqual(['QUIT']);
  });

  test.each(['NOOP\n', 'NO\rOP\r\n', '\n', 'NOOP\r\r\n'])('%j is no line', (text) => {
    const { stream, lines, faults } = listen();
    stream.write(text);
    stream.write('QUIT\r\n');
    expect(faults).toMatchObject([{ kind: 'bare-line-ending' }]);
    expect(lines).toEqual(['QUIT']);
  });

  test.each([
    ['in one piece', ['x'.repeat(41), '\r\n']],
    ['without an end for long', ['x'.repeat(30), 'x'.repeat(30), 'x'.repeat(30), '\r\n']],
    ['with its end in the same piece', [`${'x'.repeat(41)}\r\n`]],
  ])('too long, %s: refused once, and the next is read', (_how, pieces) => {
    const { stream, lines, faults } = listen();
    stream.maxLineBytes = 40;
    for (const piece of pieces) stream.write(piece);
    stream.write(`${'y'.repeat(40)}\r\n`);
    expect(faults).toEqual([{ kind: 'too-long', head: Buffer.from('x'.repeat(16)) }]);
    expect(lines).toEqual(['y'.repeat(40)]);
  });

  test('one that comes too slowly is told of, one that pauses between lines is not', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { stream } = listen();
    const onslow = vi.fn();
    Object.assign(stream, { onslow, maxLineTime: 1000 });
    stream.write('NO');
    vi.advanceTimersByTime(900);
    stream.write('OP\r\nNO');
    vi.advanceTimersByTime(900);
    stream.write('O');
    expect(onslow).not.toHaveBeenCalled();
    vi.advanceTimersByTime(200);
    stream.write('P');
    expect(onslow).toHaveBeenCalledOnce();
  });
});

describe('a message', () => {
  test.each([1, 2, 3, 5, 1000])('cut every %d bytes, and the command behind it', async (size) => {
    const { stream, lines } = listen();
    const sink = collecting();
    stream.startMessage(sink);
    const bytes = Buffer.from('a\r\n..b\r\n.\r\nQUIT\r\n');
    for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
    expect(sink).toMatchObject({ text: 'a\r\n..b\r\n', ended: true });
    expect(lines).toEqual(['QUIT']);
  });

  test('nothing more is pushed while the sink is busy, and its client is not idle meanwhile', async () => {
    const { stream } = listen();
    const busy = Promise.withResolvers<void>();
    const sink = collecting(() => busy.promise);
    stream.startMessage(sink);
    stream.write('one\r\n');
    stream.write('two\r\n');
    await nextTurn();
    expect(sink.text).toBe('one\r\n');
    expect(stream.waiting).toBe(true);
    busy.resolve();
    await nextTurn();
    expect(sink.text).toBe('one\r\ntwo\r\n');
    await nextTurn();
    expect(stream.waiting).toBe(false);
  });

  test('the command behind it is read only after its verdict', async () => {
    const { stream, lines } = listen();
    const verdict = Promise.withResolvers<void>();
    stream.startMessage({ push: () => undefined, end: () => verdict.promise });
    stream.write('x\r\n.\r\nQUIT\r\n');
    await nextTurn();
    expect([lines, stream.waiting]).toEqual([[], true]);
    verdict.resolve();
    await nextTurn();
    expect([lines, stream.waiting]).toEqual([['QUIT'], false]);
  });

  test.each<[string, Partial<MessageSink>]>([
    [
      'push throws',
      {
        push() {
          throw new Error('broken');
        },
      },
    ],
    ['push rejects', { push: () => Promise.reject(new Error('broken')) }],
    ['end rejects', { end: () => Promise.reject(new Error('broken')) }],
  ])('a sink whose %s breaks this stream, and no more', async (_how, fault) => {
    const { stream, lines, errors } = listen();
    stream.startMessage({ push: () => undefined, end: async () => undefined, ...fault });
    stream.write('x\r\n');
    stream.write('.\r\nQUIT\r\n');
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
    expect(errors).toEqual(['broken']);
    expect(lines).toEqual([]);
  });
});
