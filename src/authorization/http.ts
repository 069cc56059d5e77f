// Owns the HTTP side: limits, what happens to every request, the OAuth server's endpoints, and answers to what fits nothing.

import formbody from '@fastify/formbody';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { createNetworks } from '../network.ts';
import { boundCrowd } from './crowd.ts';
import { sendPage } from './door.ts';
import type { AuthorizationEvents } from './events.ts';
import type { FloodGate } from './flood.ts';
import {
  AUTHORIZATION_PATH,
  DEVICE_AUTHORIZATION_PATH,
  DEVICE_PATH,
  isForPrograms,
  type OauthRoute,
  SIGN_OUT_PATH,
} from './oauth-routes.ts';
import type { Site } from './pages/document.ts';
import { faultPage, requestProblem } from './pages/problem.ts';
import type { ProviderHost } from './provider/provider.ts';
import { isFromOwnPage, notePeer, peerOf, pinOrigin, referenceOf, setSecurityHeaders } from './received.ts';

/** Our own forms hold a word; the OAuth server takes 56 KiB by itself. */
const MAX_FORM_BYTES = 4 * 1024;
/** Milliseconds for a whole request to arrive. */
const REQUEST_TIMEOUT = 15_000;
const KEEP_ALIVE_TIMEOUT = 10_000;
/** Milliseconds a connection may be silent, be it that we wait for the identity provider. */
const CONNECTION_TIMEOUT = 60_000;

export interface HttpOptions {
  readonly issuer: URL;
  readonly site: Site;
  /** Networks of the reverse proxies whose X-Forwarded-For is believed. */
  readonly proxies: readonly string[];
  readonly events: Pick<AuthorizationEvents, 'fault'>;
}

/** An application without routes; whoever adds them need not think of headers, limits or errors. */
export async function createHttp(options: HttpOptions): Promise<FastifyInstance> {
  const { issuer, site, events } = options;
  const proxies = createNetworks(options.proxies);
  const app = fastify({
    logger: false,
    // From the nearest on, each proxy's own word; not what the client wrote before it.
    // The types leave out that a client which has gone has no address.
    trustProxy: (address: string | undefined) => proxies.contains(address ?? ''),
    bodyLimit: MAX_FORM_BYTES,
    requestTimeout: REQUEST_TIMEOUT,
    connectionTimeout: CONNECTION_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    return503OnClosing: true,
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false },
    frameworkErrors: (_error, request, reply) => {
      receive(request, reply);
      // The types leave out what a page needs; it is the same object.
      void sendProblem(request as FastifyRequest, reply as unknown as FastifyReply, 400);
    },
  });

  boundCrowd(app.server);

  function receive(request: { raw: FastifyRequest['raw']; ip: string }, reply: { raw: FastifyReply['raw'] }) {
    notePeer(request.raw, request.ip);
    pinOrigin(request.raw, issuer);
    setSecurityHeaders(reply.raw, issuer.protocol === 'https:');
  }

  function sendProblem(request: FastifyRequest, reply: FastifyReply, status: number): FastifyReply {
    if (wantsJson(request)) {
      return reply.code(status).send({ error: 'invalid_request', error_description: DESCRIPTIONS[status] });
    }
    return sendPage(reply, requestProblem(status), site);
  }

  const routes: Route[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: patternOf(url), methods: [method].flat() });
  });
  app.addHook('onRequest', async (request, reply) => receive(request, reply));
  await app.register(formbody, { bodyLimit: MAX_FORM_BYTES });

  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const allowed = routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods);
    if (allowed.length === 0) return sendProblem(request, reply, 404);
    // RFC 9110 §15.5.6.
    return sendProblem(request, reply.header('allow', [...new Set(allowed)].join(', ')), 405);
  });

  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return sendProblem(request, reply, status);
    const reference = referenceOf(request.raw);
    events.fault({ where: `authorization ${request.routeOptions.url ?? ''}`, error, session: reference });
    if (wantsJson(request)) return reply.code(500).send({ error: 'server_error' });
    return sendPage(reply, faultPage(reference), site);
  });

  return app;
}

/** Hands the endpoints of the OAuth server over to it, with the body unread. */
export async function mountProvider(
  app: FastifyInstance,
  options: {
    readonly provider: ProviderHost;
    readonly routes: readonly OauthRoute[];
    readonly issuer: URL;
    readonly site: Site;
    readonly flood: FloodGate;
  },
): Promise<void> {
  const { provider, routes, issuer, site, flood } = options;
  await app.register(async (endpoints) => {
    endpoints.removeAllContentTypeParsers();
    endpoints.addContentTypeParser('*', (_request, _payload, done) => done(null));
    for (const { url, methods, readBy } of routes) {
      endpoints.route({
        url,
        method: [...methods],
        handler: async (request, reply) => {
          const leavesRow =
            request.method === 'GET' ? ROWS_BY_GET.has(url) : url === DEVICE_AUTHORIZATION_PATH;
          if (leavesRow && !flood.admits(peerOf(request.raw) ?? '')) {
            if (readBy === 'people') return sendPage(reply, requestProblem(429), site);
            return reply.code(429).header('retry-after', '60').send(TOO_MANY);
          }
          if (url === DEVICE_PATH && request.method === 'POST' && !isFromOwnPage(request.raw, issuer)) {
            return sendPage(reply, requestProblem(403), site);
          }
          reply.hijack();
          if (readBy === 'programs') request.raw.headers.accept = 'application/json';
          return provider.handle(request.raw, reply.raw);
        },
      });
    }
  });
}

/** Requests that cost nothing to make and leave a row behind until it expires. */
const ROWS_BY_GET = new Set([AUTHORIZATION_PATH, DEVICE_PATH, SIGN_OUT_PATH]);
const TOO_MANY = {
  error: 'temporarily_unavailable',
  error_description: 'too many requests from this network; wait a minute',
};

interface Route {
  readonly pattern: RegExp;
  readonly methods: readonly string[];
}

function patternOf(url: string): RegExp {
  const path = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+');
  return new RegExp(`^${path}$`);
}

function wantsJson(request: FastifyRequest): boolean {
  if (isForPrograms(request.url.split('?')[0] ?? '')) return true;
  const accept = request.headers.accept ?? '';
  return accept.includes('application/json') && !accept.includes('text/html');
}

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  400: 'the request cannot be read',
  404: 'there is nothing at this address',
  405: 'this method is not allowed here; see the Allow header',
  413: 'the request body is too large',
  415: 'send application/x-www-form-urlencoded',
};
