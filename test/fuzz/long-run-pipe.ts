// A connection in memory: two ends, each a stream as a TCP socket is one, with a limit to what lies between them.

import { Duplex } from 'node:stream';

class End extends Duplex {
  other: End | undefined;
  /** Called when the other end's bytes have been read. */
  #onRead: (() => void) | undefined;

  override _read(): void {
    const onRead = this.#onRead;
    this.#onRead = undefined;
    onRead?.();
  }

  override _write(chunk: Buffer, _encoding: unknown, done: () => void): void {
    // Not at once: nothing comes over a wire while the writer still writes.
    process.nextTick(() => {
      const { other } = this;
      if (!other || other.destroyed || other.readableEnded) return done();
      other.#onRead = done;
      if (other.push(chunk)) other._read();
    });
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this._read();
    if (this.other && !this.other.destroyed && !this.writableFinished) this.other.push(null);
    done(error);
  }
}

/** @param highWaterMark bytes that each direction holds before its writer has to wait */
export function pipe(highWaterMark = 65_536): [Duplex, Duplex] {
  const [near, far] = [new End({ highWaterMark }), new End({ highWaterMark })];
  near.other = far;
  far.other = near;
  return [near, far];
}
