// Owns the way of journal lines to a file descriptor: gathered for a moment, written in the background, bounded in memory.
//
// A reader of standard output that stalls must not stall mail, so nothing here blocks except the last write at exit;
// a reader that is gone or a full disk must not end the process, so what cannot be written is counted as lost.

import { fstatSync, write, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Lines gathered before a write: one system call for many sessions. */
const GATHER_MILLISECONDS = 20;
const GATHER_CHARACTERS = 65_536;
/** What a pipe takes at once (PIPE_BUF), so that no other write can come between the two halves of a line. */
const PIPE_BYTES = 4_096;
const RETRY_MILLISECONDS = 50;
/** How long the last write at exit may wait for a slow reader. */
const EXIT_MILLISECONDS = 1_000;
const IN_FLIGHT_MILLISECONDS = 20;
/** How long closing waits for a slow reader. */
const CLOSE_MILLISECONDS = 2_000;
const LINE_FEED = 0x0a;

export interface LineWriter {
  /** Takes one line with its line end; never throws, never waits. */
  write(line: string): void;
  /** Resolves once everything taken so far is written or lost. */
  flush(): Promise<void>;
  /** Writes what is held and lets go of the process; a line that comes afterwards is written at once. */
  close(): Promise<void>;
}

export function createLineWriter(options: {
  readonly descriptor: number;
  readonly maxCharacters: number;
  readonly onLost: (lines: number) => void;
}): LineWriter {
  const pieceBytes = fstatSync(options.descriptor).isFIFO() ? PIPE_BYTES : GATHER_CHARACTERS;
  let held = '';
  let inFlight: Buffer | undefined;
  let piece = 0;
  let closed = false;
  let retry: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;
  let waiting: (() => void)[] = [];

  process.on('exit', writeNow);

  return {
    write(line) {
      if (held.length + line.length > options.maxCharacters) {
        options.onLost(1);
        return;
      }
      held += line;
      if (closed) {
        writeNow();
        return;
      }
      if (inFlight === undefined) {
        schedule();
      }
    },
    flush,
    async close() {
      await Promise.race([flush(), delay(CLOSE_MILLISECONDS, undefined, { ref: false })]);
      closed = true;
      process.off('exit', writeNow);
    },
  };

  function flush(): Promise<void> {
    if (held === '' && inFlight === undefined) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      waiting.push(resolve);
      if (inFlight === undefined) {
        start();
      }
    });
  }

  function start(): void {
    clearTimeout(timer);
    timer = undefined;
    if (inFlight !== undefined || held === '') {
      return;
    }
    inFlight = Buffer.from(held);
    held = '';
    writePiece(inFlight);
  }

  function writePiece(chunk: Buffer): void {
    retry = undefined;
    piece = pieceOf(chunk, pieceBytes);
    write(options.descriptor, chunk, 0, piece, null, (error, written) => {
      if (inFlight !== chunk) {
        return;
      }
      if (error?.code === 'EAGAIN') {
        retry = setTimeout(() => writePiece(chunk), RETRY_MILLISECONDS);
        return;
      }
      if (error !== null) {
        // The reader is gone or the disk is full; a line may get through again later.
        options.onLost(chunk.toString().split('\n').length - 1);
      }
      const rest = chunk.subarray(written);
      if (error === null && rest.length > 0) {
        inFlight = rest;
        writePiece(rest);
        return;
      }
      inFlight = undefined;
      settle();
    });
  }

  function schedule(): void {
    if (held.length >= GATHER_CHARACTERS || waiting.length > 0) {
      start();
      return;
    }
    // The timer does not keep the process alive: writeNow takes what is left at exit.
    timer ??= setTimeout(start, GATHER_MILLISECONDS).unref();
  }

  function settle(): void {
    if (held !== '') {
      schedule();
      return;
    }
    const resolves = waiting;
    waiting = [];
    for (const resolve of resolves) {
      resolve();
    }
  }

  /** For the exit, when no event loop is left. The piece in flight is finished by the thread that carries it. */
  function writeNow(): void {
    let rest = Buffer.concat([restOfFlight(), Buffer.from(held)]);
    held = '';
    const deadline = Date.now() + EXIT_MILLISECONDS;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(options.descriptor, rest));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || Date.now() > deadline) {
          return;
        }
        pause(10);
      }
    }
  }

  function restOfFlight(): Buffer {
    const chunk = inFlight ?? Buffer.alloc(0);
    inFlight = undefined;
    if (retry !== undefined) {
      clearTimeout(retry);
      retry = undefined;
      return chunk;
    }
    if (chunk.length > 0) {
      // Lets the thread come first, as a rule; the pieces are whole either way.
      pause(IN_FLIGHT_MILLISECONDS);
    }
    return chunk.subarray(piece);
  }
}

/** As many whole lines as fit, one at least. */
function pieceOf(chunk: Buffer, pieceBytes: number): number {
  if (chunk.length <= pieceBytes) {
    return chunk.length;
  }
  const end = chunk.lastIndexOf(LINE_FEED, pieceBytes - 1);
  return (end === -1 ? chunk.indexOf(LINE_FEED) : end) + 1;
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
