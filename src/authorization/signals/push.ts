// Owns the inlet for security events that a transmitter sends (RFC 8935).

import type { FastifyInstance } from 'fastify';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { SecurityEventVerifier } from '../../token/withdrawal/security-event.ts';
import type { AuthorizationEvents } from '../events.ts';
import { SIGNALS_PUSH_PATH } from '../oauth-routes.ts';
import { peerOf } from '../received.ts';
import type { TransmitterSettings } from '../settings.ts';
import { showsSecret } from './credential.ts';
import type { SignalGate } from './gate.ts';
import { comeAgain, registerInlet } from './http.ts';
import { deliveryError, type SignalReceiver } from './receiver.ts';

export interface PushOptions {
  readonly transmitters: readonly TransmitterSettings[];
  readonly verifier: Pick<SecurityEventVerifier, 'issuerOf'>;
  readonly receiver: SignalReceiver;
  readonly gate: SignalGate;
  readonly events: Pick<AuthorizationEvents, 'signalRefused' | 'fault'>;
}

export async function registerSignalsPush(app: FastifyInstance, options: PushOptions): Promise<void> {
  const { verifier, receiver, gate, events } = options;
  const senders = new Map(options.transmitters.map((one) => [one.issuer, one.push]));
  await registerInlet(app, {
    path: SIGNALS_PUSH_PATH,
    contentType: 'application/secevent+jwt',
    gate,
    events,
    via: 'push',
    problem: (description) => ({ err: 'invalid_request', description }),
    async answer(request, reply, token) {
      const peer = peerOf(request.raw) ?? '';
      const issuer = pickSender(token, request.headers.authorization);
      if (isRefusal(issuer)) {
        events.signalRefused({ peer, via: 'push', code: issuer.code, reason: issuer.reason });
        return reply.code(400).header('content-language', 'en').send(deliveryError(issuer));
      }
      const outcome = await receiver.receive(token, { issuer, via: 'push', peer });
      if (!isRefusal(outcome)) {
        gate.believe(peer);
        // RFC 8935 §2.2: 202, and nothing else to say; the same for one that was repeated.
        return reply.code(202).send();
      }
      if (outcome.code === 'issuer-unavailable') return comeAgain(reply).send();
      // §2.3: the language of the description must be told.
      return reply.code(400).header('content-language', 'en').send(deliveryError(outcome));
    },
  });

  /** Before the signature is looked at: who does not show the secret costs no more than reading this. */
  function pickSender(token: string, header: string | undefined): string | Refusal {
    const issuer = verifier.issuerOf(token);
    if (isRefusal(issuer)) return issuer;
    const push = senders.get(issuer);
    if (push === undefined) return refuse('token-client', `push is not configured for ${issuer}`);
    if (push.authorization === undefined || showsSecret(header, push.authorization)) return issuer;
    return refuse('token-client', `the Authorization header is not the one configured for ${issuer}`);
  }
}
