// Owns the joining of small pieces on their way to the upstream: a chunk of one octet must not cost it a packet.

import type { RelayTransaction } from '../../relay/transaction/transaction.ts';

const ROOM = 16_384;

/** The same transaction; of its body, pieces that fit in 16 KiB together leave together. */
export function gathering(upstream: RelayTransaction): RelayTransaction {
  let held = Buffer.alloc(0);
  let filled = 0;

  function joined(bytes: Buffer): Buffer {
    const whole = filled > 0 ? Buffer.concat([held.subarray(0, filled), bytes]) : bytes;
    filled = 0;
    return whole;
  }

  return {
    get upstream() {
      return upstream.upstream;
    },
    recipient: (path) => upstream.recipient(path),
    keepAlive: async () => upstream.keepAlive?.(),
    data: () => upstream.data(),
    write(given) {
      const bytes = typeof given === 'string' ? Buffer.from(given) : given;
      if (filled + bytes.length > ROOM) return upstream.write(joined(bytes));
      if (held.length === 0) held = Buffer.allocUnsafe(ROOM);
      filled += bytes.copy(held, filled);
      return true;
    },
    drained: () => upstream.drained(),
    get verdict() {
      return upstream.verdict;
    },
    finish: (last) => upstream.finish(joined(last ?? Buffer.alloc(0))),
    reset: () => upstream.reset(),
    abort: () => upstream.abort(),
  };
}
