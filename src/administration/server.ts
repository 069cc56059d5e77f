// Owns the local administration server: HTTP and JSON over a socket that only its owner can open.

import fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { AdministrationDoor } from './door.ts';
import { addExplanationRoutes } from './explanation-routes.ts';
import {
  type ActResult,
  ENABLE_SCHEMA,
  type EnableRequest,
  faultOf,
  isOfPerson,
  MAX_REQUEST_BYTES,
  REVOKE_SCHEMA,
  type RevokeRequest,
  SESSIONS_SCHEMA,
  type SessionFilter,
  targetOf,
} from './messages.ts';
import { listenPrivately } from './private-socket.ts';
import { enable, revoke } from './revocation.ts';
import type { AdministrationSettings } from './settings.ts';

export interface Administration {
  /** Rejects with an error in plain words where the socket cannot be made, or another Postern answers at it. */
  listen(): Promise<void>;
  /** Lets requests in flight finish, for two seconds, and removes the socket. Safe to call twice, or without `listen`. */
  close(): Promise<void>;
}

/** A handful of terminals; the door must not hold more of Postern's files than that. */
const MAX_CONNECTIONS = 16;
const CLOSE_MILLISECONDS = 2_000;

export function createAdministration(
  options: AdministrationDoor & { readonly settings: AdministrationSettings },
): Administration {
  const app = createAdministrationApp(options);
  app.server.maxConnections = MAX_CONNECTIONS;
  return {
    async listen() {
      await app.ready();
      // Not through fastify's `listen`, which binds later: the mode of the file must be settled in the same breath.
      await listenPrivately({ server: app.server, path: options.settings.socket });
    },
    async close() {
      const late = setTimeout(() => app.server.closeAllConnections(), CLOSE_MILLISECONDS);
      await app.close().finally(() => clearTimeout(late));
    },
  };
}

/** The routes alone, for tests too. */
export function createAdministrationApp(door: AdministrationDoor): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_REQUEST_BYTES,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    keepAliveTimeout: 1_000,
    // What does not fit the schema is a mistake to be told, not one to be mended.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({
      error: 'There is GET /sessions, GET /refusals, POST /explain, POST /revoke and POST /enable.',
    }),
  );
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send({ error: error.message });
    door.audit.fault({ where: 'administration', error });
    return reply.code(500).send({ error: 'Something went wrong; the journal says what.' });
  });

  app.get<{ Querystring: SessionFilter }>(
    '/sessions',
    { schema: SESSIONS_SCHEMA },
    async ({ query }, reply) => {
      const fault = faultOf(query);
      if (fault !== undefined) return reply.code(400).send({ error: fault });
      const { person, client } = query;
      const sessions = (await door.sessions.list()).filter(
        (session) =>
          (person === undefined || isOfPerson(session, person)) &&
          (client === undefined || session.client === client),
      );
      return { sessions };
    },
  );
  addExplanationRoutes(app, door.explanations);
  app.post<{ Body: RevokeRequest }>('/revoke', { schema: REVOKE_SCHEMA }, async ({ body }, reply) => {
    const target = targetOf(body);
    const fault = target ? faultOf(body) : 'exactly one of session, grant, client and person is to be named';
    if (target === undefined || fault !== undefined) return reply.code(400).send({ error: fault });
    return told(await revoke(target, body, door), body.cause);
  });
  app.post<{ Body: EnableRequest }>('/enable', { schema: ENABLE_SCHEMA }, async ({ body }, reply) => {
    const fault = faultOf(body);
    if (fault !== undefined) return reply.code(400).send({ error: fault });
    return told(await enable(body, door), body.cause);
  });
  return app;

  function told(result: ActResult, cause: string): ActResult {
    const { action, target, found, grants, sessions } = result;
    door.audit.administrationUsed({ action, target, cause, found, grants, sessions: sessions.length });
    return result;
  }
}
