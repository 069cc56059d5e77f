// Owns the wait for a PROXY header on one socket: bounded in time and bytes, and leaving the socket as if untouched.

import type { Socket } from 'node:net';
import { type ProxySource, readProxyHeader } from './proxy-header.ts';

export type HeaderOutcome =
  /** The socket is as net.Server hands one over, except that the bytes after the header may be in its buffer already. */
  | { readonly outcome: 'header'; readonly source: ProxySource | undefined }
  /** The peer left before it said anything: a balancer's plain TCP health check. */
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'fault'; readonly reason: string };

/**
 * Reads the header and calls `settle` once; a socket that has no header to show is destroyed by then.
 * @returns ends the wait without an answer, and the socket with it
 */
export function awaitHeader(options: {
  socket: Socket;
  milliseconds: number;
  settle: (outcome: HeaderOutcome) => void;
}): () => void {
  const { socket, settle } = options;
  // One byte now and then must not hold a place for ever: the time is for the whole header.
  const late = setTimeout(
    () => fail(`no whole header within ${options.milliseconds} ms`),
    options.milliseconds,
  );
  let collected: Buffer = Buffer.alloc(0);
  socket.on('error', ignore);
  socket.on('readable', read);
  socket.once('end', broken);
  socket.once('close', broken);
  return stop;

  function read(): void {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    collected = Buffer.concat([collected, chunk]);
    const header = readProxyHeader(collected);
    if (header.state === 'incomplete') return;
    if (header.state === 'fault') return fail(header.reason);
    release();
    // Before anything is read anew, so that these stay first. TLSSocket and http take them from the buffer too.
    if (collected.length > header.length) socket.unshift(collected.subarray(header.length));
    // Node undoes what a `readable` listener does to a stream one tick after the listener is gone.
    process.nextTick(() => {
      socket.off('error', ignore);
      settle(
        socket.readableEnded || socket.destroyed
          ? { outcome: 'gone' }
          : { outcome: 'header', source: header.source },
      );
    });
  }

  function broken(): void {
    if (collected.length > 0) return fail('closed within its header');
    stop();
    settle({ outcome: 'gone' });
  }

  function fail(reason: string): void {
    stop();
    settle({ outcome: 'fault', reason });
  }

  function stop(): void {
    release();
    socket.destroy();
  }

  function release(): void {
    clearTimeout(late);
    socket.off('readable', read);
    socket.off('end', broken);
    socket.off('close', broken);
  }
}

function ignore(): void {}
