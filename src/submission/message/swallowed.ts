// Owns the octets of chunks that were refused: they are taken from the wire and thrown away, in bounds (RFC 3030 §2).

import type { Refusal } from '../../refusal.ts';
import type { Reply } from '../../relay/connection/reply.ts';
import type { Door, Wire } from '../door.ts';
import { replyTo, replyWith } from '../replies.ts';
import { SWALLOWED } from './message.ts';
import { Pace } from './pace.ts';
import type { ChunkSink } from './wire.ts';

/** What one session has made the gate swallow since its last message. */
export class Swallowed {
  readonly #door: Door;
  readonly #wire: Wire;
  #bytes = 0;

  constructor(options: { door: Door; wire: Wire }) {
    this.#door = options.door;
    this.#wire = options.wire;
  }

  /** A message went through: the session is as good as a new one. */
  forgive(): void {
    this.#bytes = 0;
  }

  /** The sink of a chunk that is refused with `verdict`; a client that makes it too long hears that and is hung up on. */
  next({ verdict, onEnd }: { verdict: Reply | Refusal; onEnd: () => void }): ChunkSink {
    const { maxMessageBytes, minBytesPerSecond } = this.#door.settings;
    const pace = new Pace(minBytesPerSecond);
    let taken = 0;
    return {
      push: (octets) => {
        taken += octets.length;
        this.#bytes += octets.length;
        if (pace.tooSlow(taken)) return this.#end(replyTo('session-idle', this.#wire.id), 'too slow');
        if (this.#bytes > SWALLOWED * maxMessageBytes)
          return this.#end(replyWith(verdict, this.#wire.id), 'sent on and on after a refusal');
        return undefined;
      },
      end: () => void onEnd(),
    };
  }

  #end(reply: Reply, cause: string): undefined {
    this.#wire.reply(reply);
    this.#wire.hangUp(cause);
  }
}
