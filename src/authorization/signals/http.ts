// Owns the HTTP side of the inlets for word of an end: limits before anything is read, answers as JSON, faults to the journal.

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuthorizationEvents } from '../events.ts';
import { peerOf, referenceOf } from '../received.ts';
import type { SignalGate } from './gate.ts';

/** A token of 16 KiB, the most that is looked at, in a form of its own. */
export const MAX_SIGNAL_BYTES = 20 * 1024;

/** Seconds after which a sender that was turned away may come again. */
const RETRY_AFTER = 30;

export interface Inlet {
  readonly path: string;
  readonly contentType: string;
  readonly gate: SignalGate;
  readonly events: Pick<AuthorizationEvents, 'signalRefused' | 'fault'>;
  readonly via: 'logout' | 'push' | 'global-revocation';
  /** The answer's body where the inlet itself says no. */
  readonly problem: (description: string) => object;
  /** `body` is the text as it came. */
  readonly answer: (request: FastifyRequest, reply: FastifyReply, body: string) => Promise<FastifyReply>;
}

export async function registerInlet(app: FastifyInstance, inlet: Inlet): Promise<void> {
  const { gate, events, via, problem } = inlet;
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      inlet.contentType,
      { parseAs: 'string', bodyLimit: MAX_SIGNAL_BYTES },
      (_request, body, done) => done(null, body),
    );
    // Before the body is read, let alone a signature checked.
    scope.addHook('onRequest', async (request, reply) => {
      const peer = peerOf(request.raw) ?? '';
      if (gate.admits(peer)) return;
      events.signalRefused({ peer, via, code: 'too-many-connections', reason: 'too many signals at once' });
      return reply
        .code(429)
        .header('retry-after', RETRY_AFTER)
        .send(problem('too many at once; come again later'));
    });
    scope.setErrorHandler((error: FastifyError, request, reply) => {
      const status = error.statusCode ?? 500;
      if (status < 500)
        return reply.code(status).send(problem(`expected ${inlet.contentType}, at most 16 KiB`));
      events.fault({ where: `authorization ${inlet.path}`, error, session: referenceOf(request.raw) });
      // Whoever sends it again finds it not done yet: see memory.ts.
      return reply
        .code(503)
        .header('retry-after', RETRY_AFTER)
        .send(problem('it could not be done now; send it again'));
    });
    scope.post(inlet.path, (request, reply) =>
      inlet.answer(request, reply, typeof request.body === 'string' ? request.body : ''),
    );
  });
}

/** Asks for the same again, where it may be good but cannot be judged now. */
export function comeAgain(reply: FastifyReply): FastifyReply {
  return reply.code(503).header('retry-after', RETRY_AFTER);
}
