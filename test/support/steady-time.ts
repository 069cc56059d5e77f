// Time as this process lives it: it stands while the machine is away with others' work, so that a short limit ends what is silent
// and never what is only slow.

import { Socket } from 'node:net';
import { afterEach, beforeEach, type MockInstance, vi } from 'vitest';

/** Milliseconds that pass at a time, with at least one turn of the event loop in between. */
const TICK = 5;
/** What a socket counts of silence is the machine's time still: with so many times as long it does not come first. */
const LONGER = 20;

/**
 * For every test of the file: `setTimeout` and `performance.now` go by it, on both sides of each connection. To be called before any
 * other `beforeEach`. What `setInterval` and `timers/promises` count is the machine's time as ever.
 */
export function useSteadyTime(): void {
  let silence: MockInstance<Socket['setTimeout']>;
  beforeEach(() => {
    const { setTimeout } = Socket.prototype;
    silence = vi.spyOn(Socket.prototype, 'setTimeout').mockImplementation(function (this: Socket, time, act) {
      return setTimeout.call(this, time * LONGER, act);
    });
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'performance'],
      shouldAdvanceTime: true,
      advanceTimeDelta: TICK,
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    silence.mockRestore();
  });
}
