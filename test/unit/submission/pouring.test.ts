// Clients that send without end, and crowds that only stay: the others get their turn, and nothing is waited out for ever.

import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { Admission } from '../../../src/submission/access/admission.ts';
import { throwAwayRest } from '../../../src/submission/after-last-word.ts';
import { WireStream } from '../../../src/submission/message/wire.ts';

const PIECE = Buffer.alloc(16_384, 'A');
const MEGABYTE = 1_048_576;

/** A stream with a message under way, and how much of it has come. */
function pourInto(): { stream: WireStream; taken: () => number } {
  const stream = new WireStream();
  let bytes = 0;
  stream.startMessage({
    push(some) {
      bytes += some.length;
      return undefined;
    },
    end: async () => undefined,
  });
  return { stream, taken: () => bytes };
}

describe('a client that pours', () => {
  test('is read 64 KiB at a time, then others get their turn', async () => {
    const { stream, taken } = pourInto();
    for (let index = 0; index < 12; index += 1) stream.write(PIECE);
    await Promise.resolve();
    await new Promise((resolve) => process.nextTick(resolve));
    expect(taken()).toBe(65_536);
    await nextTurn();
    await nextTurn();
    await nextTurn();
    expect(taken()).toBe(12 * PIECE.length);
  });

  test('a line that goes on after it has been found too long is given up after a megabyte', () => {
    const stream = new WireStream();
    const onendless = vi.fn();
    stream.onendless = onendless;
    for (let sent = 0; sent < MEGABYTE; sent += PIECE.length) stream._write(PIECE, 'buffer', () => undefined);
    expect(onendless).not.toHaveBeenCalled();
    stream._write(PIECE, 'buffer', () => undefined);
    expect(onendless).toHaveBeenCalled();
  });

  test('each line is measured by itself', () => {
    const stream = new WireStream();
    const onendless = vi.fn();
    stream.onendless = onendless;
    stream.onfault = (_fault, done) => done();
    for (let line = 0; line < 3; line += 1) {
      for (let sent = 0; sent < MEGABYTE / 2; sent += PIECE.length)
        stream._write(PIECE, 'buffer', () => undefined);
      stream._write(Buffer.from('\r\n'), 'buffer', () => undefined);
    }
    expect(onendless).not.toHaveBeenCalled();
  });

  test('after its last word a quarter of a megabyte is thrown away, then the connection is cut', () => {
    const destroy = vi.fn();
    const socket = Object.assign(new EventEmitter(), { destroy });
    throwAwayRest(socket as unknown as Socket);
    for (let sent = 0; sent < 262_144; sent += PIECE.length) socket.emit('data', PIECE);
    expect(destroy).not.toHaveBeenCalled();
    socket.emit('data', Buffer.alloc(1));
    expect(destroy).toHaveBeenCalled();
  });
});

describe('where every place is taken', () => {
  test('a crowd that stays gives way before an office where many sign in at once', () => {
    let now = 0;
    const admission = new Admission({ maxConnections: 5, maxConnectionsPerAddress: 10 }, () => now);
    const evicted: string[] = [];
    const enter = (name: string, address: string): void =>
      admission.enter(address)?.onEvicted(() => evicted.push(name));
    enter('idler 1', '192.0.2.1');
    enter('idler 2', '192.0.2.1');
    now = 4_000;
    for (const name of ['a', 'b', 'c']) enter(name, '192.0.2.2');
    now = 4_300;
    enter('d', '192.0.2.2');
    enter('e', '192.0.2.2');
    expect(evicted).toEqual(['idler 1', 'idler 2']);
  });
});
