// Owns the inlet for global token revocation (draft-parecki-oauth-global-token-revocation): everything of one person ends.

import type { FastifyInstance } from 'fastify';
import type { Secret } from '../../setting.ts';
import { readSubject, type SimpleSubject } from '../../token/withdrawal/security-event-subject.ts';
import type { Access, PersonReference } from '../access/access.ts';
import type { AuthorizationEvents } from '../events.ts';
import { GLOBAL_REVOCATION_PATH } from '../oauth-routes.ts';
import { peerOf } from '../received.ts';
import { showsSecret } from './credential.ts';
import type { SignalGate } from './gate.ts';
import { registerInlet } from './http.ts';

export interface GlobalRevocationOptions {
  readonly token: Secret;
  readonly access: Pick<Access, 'endPerson'>;
  /** Issuer that an opaque id belongs to. */
  readonly idpIssuer: string;
  readonly gate: SignalGate;
  readonly events: Pick<AuthorizationEvents, 'signalReceived' | 'signalRefused' | 'fault'>;
}

export async function registerGlobalRevocation(
  app: FastifyInstance,
  options: GlobalRevocationOptions,
): Promise<void> {
  const { token, access, gate, events, idpIssuer } = options;
  await registerInlet(app, {
    path: GLOBAL_REVOCATION_PATH,
    contentType: 'application/json',
    gate,
    events,
    via: 'global-revocation',
    problem,
    async answer(request, reply, body) {
      const peer = peerOf(request.raw) ?? '';
      const via = 'global-revocation' as const;
      if (!showsSecret(request.headers.authorization, token)) {
        events.signalRefused({ peer, via, code: 'token-client', reason: 'not the configured bearer token' });
        return reply
          .code(401)
          .header('www-authenticate', 'Bearer')
          .send({ error: 'invalid_token', error_description: 'show the bearer token of this endpoint' });
      }
      gate.believe(peer);
      const who = peopleOf(body, idpIssuer);
      if (typeof who === 'string') {
        events.signalRefused({ peer, via, code: 'token-malformed', reason: who });
        return reply.code(400).send(problem(who));
      }
      const results = [];
      for (const one of who) results.push(await access.endPerson(one, { cause: 'global token revocation' }));
      const isKnown = results.some(({ known }) => known);
      const outcome = isKnown ? ('ended' as const) : ('nobody' as const);
      events.signalReceived({ peer, via, issuer: idpIssuer, signal: 'global-revocation', outcome });
      return isKnown
        ? reply.code(204).send()
        : reply
            .code(404)
            .send({ error: 'not_found', error_description: 'nobody of that name is known here' });
    },
  });
}

/** Whom the request names (RFC 9493), or what is wrong with it. */
function peopleOf(body: string, idpIssuer: string): PersonReference[] | string {
  let request: unknown;
  try {
    request = JSON.parse(body);
  } catch {
    return 'expected a JSON object';
  }
  const named =
    typeof request === 'object' && request !== null && 'sub_id' in request ? request.sub_id : undefined;
  const subject = readSubject(named);
  if (typeof subject === 'string') return subject;
  if (subject.format === 'complex') return 'expected a simple subject identifier';
  const names = subject.format === 'aliases' ? subject.identifiers : [subject];
  return names.flatMap((name) => personNamed(name, idpIssuer));
}

function personNamed(name: SimpleSubject, idpIssuer: string): PersonReference[] {
  if (name.format === 'address') return [{ address: name.address }];
  if (name.format === 'iss_sub') return [{ idpIssuer: name.issuer, idpSubject: name.subject }];
  return name.format === 'opaque' ? [{ idpIssuer, idpSubject: name.id }] : [];
}

function problem(description: string): object {
  return { error: 'invalid_request', error_description: description };
}
