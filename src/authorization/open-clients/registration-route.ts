// Owns the endpoint at which a program registers itself (RFC 7591 §3), without authentication and without a trace in the store.

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuthorizationEvents } from '../events.ts';
import { createFloodGate, type FloodGate } from '../flood.ts';
import { REGISTRATION_PATH } from '../oauth-routes.ts';
import { peerOf, referenceOf } from '../received.ts';
import { type Identifiers, MAX_IDENTIFIER_LENGTH } from './identifier.ts';
import {
  grantTypes,
  type ReadRegistration,
  type RegistrationRules,
  readRegistration,
} from './registration-request.ts';
import type { RegistrationSettings } from './settings.ts';

/** A request with all that RFC 7591 knows fits. */
const MAX_REQUEST_BYTES = 8 * 1024;
/** Of one network: an office in which a hundred programs are set up in one morning. */
const LIMITS = { burst: 100, refill: 3000 };
/** Seconds. */
const RETRY_AFTER = 60;

/**
 * Native programs built on a browser engine have an origin (`app://…`, `capacitor://localhost`), and could otherwise fetch tokens
 * but not register. There is no cookie here to borrow and nothing to read that anybody may not have.
 */
const READABLE = { 'access-control-allow-origin': '*' };
/** Fetch §3.3.3: JSON has to be asked for. */
const PREFLIGHT = {
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'content-type',
  'access-control-max-age': '86400',
};

export interface RegistrationOptions {
  readonly identifiers: Identifiers;
  readonly mode: RegistrationSettings['mode'];
  readonly rules: RegistrationRules;
  readonly events: Pick<AuthorizationEvents, 'clientRegistered' | 'clientRefused' | 'fault'>;
  readonly gate?: FloodGate;
}

export async function registerRegistration(
  app: FastifyInstance,
  options: RegistrationOptions,
): Promise<void> {
  const { events, gate = createFloodGate(() => Date.now(), LIMITS) } = options;
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'string', bodyLimit: MAX_REQUEST_BYTES },
      (_request, body, done) => done(null, body),
    );
    // Before the body is read.
    scope.addHook('onRequest', async (request, reply) => {
      reply.headers(READABLE);
      if (request.method === 'OPTIONS') return;
      if (gate.admits(peerOf(request.raw) ?? '')) return;
      return reply.code(429).header('retry-after', RETRY_AFTER).send({
        error: 'temporarily_unavailable',
        error_description: 'too many registrations from this network; come again in a minute',
      });
    });
    scope.setErrorHandler((error: FastifyError, request, reply) => {
      const status = error.statusCode ?? 500;
      if (status < 500) {
        const description = `send application/json of at most ${MAX_REQUEST_BYTES} bytes`;
        return refuse(request, reply, { error: 'invalid_client_metadata', description }, events, status);
      }
      events.fault({ where: `authorization ${REGISTRATION_PATH}`, error, session: referenceOf(request.raw) });
      return reply.code(500).send({ error: 'server_error' });
    });
    scope.options(REGISTRATION_PATH, (_request, reply) => reply.headers(PREFLIGHT).code(204).send());
    scope.post(REGISTRATION_PATH, (request, reply) => register(request, reply, options));
  });
}

function register(request: FastifyRequest, reply: FastifyReply, options: RegistrationOptions): FastifyReply {
  const { identifiers, mode, rules, events } = options;
  if (mode === 'closed') return refuse(request, reply, CLOSED, events, 403);
  const read = readRegistration(parse(request.body), rules);
  if ('error' in read) return refuse(request, reply, read, events);
  const clientId = identifiers.issue(read.client);
  if (clientId === undefined) {
    const description = `redirect_uris and client_name together do not fit into a client_id of ${MAX_IDENTIFIER_LENGTH} characters; register fewer or shorter ones`;
    return refuse(request, reply, { error: 'invalid_client_metadata', description }, events);
  }
  events.clientRegistered({ peer: peerOf(request.raw), client: clientId, name: read.client.name });
  return reply.code(201).send(answerTo(clientId, read));
}

const CLOSED = {
  error: 'access_denied',
  description: 'registration is closed; ask the people who run this mail service for a client_id',
};

function parse(body: unknown): unknown {
  try {
    return JSON.parse(String(body));
  } catch {
    return undefined;
  }
}

/** RFC 7591 §3.2.1: all that was registered, also what the server chose. */
function answerTo(clientId: string, { client, scope }: ReadRegistration): object {
  const { name, redirectUris, grants } = client;
  const hasCode = grants.includes('code');
  return {
    client_id: clientId,
    client_id_issued_at: Math.floor(Date.now() / 1000),
    ...(name === undefined ? {} : { client_name: name }),
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: redirectUris,
    grant_types: grantTypes(grants),
    response_types: hasCode ? ['code'] : [],
    scope,
    id_token_signed_response_alg: 'ES256',
    subject_type: 'public',
  };
}

function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  { error, description }: { readonly error: string; readonly description: string },
  events: RegistrationOptions['events'],
  status = 400,
): FastifyReply {
  events.clientRefused({ peer: peerOf(request.raw), error, reason: description });
  return reply.code(status).send({ error, error_description: description });
}
