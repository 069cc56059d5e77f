// Owns what the submission service says of itself as a resource (RFC 9728): to whose tokens it listens, and for what.

import type { FastifyInstance } from 'fastify';
import type { SubmissionService } from './provider/access-tokens.ts';
import { MAIL_SCOPES } from './scopes.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
/** For programs built on a browser engine as well, like the OAuth server's own metadata. */
const PUBLIC = { 'cache-control': 'public, max-age=300', 'access-control-allow-origin': '*' };

/**
 * Every name of the submission service under which tokens for it may be asked for and sent to it. A client that finds a list
 * without its mail server's host in it may not send a token there.
 */
export function resourceIdentifiers({ audience, hostname }: SubmissionService): string[] {
  return [...new Set([audience, `https://${hostname}`])];
}

/** RFC 9728 §3.1: the path of the resource's identifier comes behind the well-known one. */
export function registerProtectedResource(
  app: FastifyInstance,
  { service, issuer }: { readonly service: SubmissionService; readonly issuer: string },
): void {
  const { protocol, pathname } = new URL(service.audience);
  const isWeb = protocol === 'https:' || protocol === 'http:';
  const isBare = pathname === '/';
  const host = documentOf(`https://${service.hostname}`);
  const documents = new Map([[WELL_KNOWN, isWeb && isBare ? documentOf(service.audience) : host]]);
  if (isWeb && !isBare) documents.set(WELL_KNOWN + pathname, documentOf(service.audience));
  for (const [url, document] of documents) {
    app.route({
      url,
      method: ['GET', 'HEAD'],
      handler: async (_request, reply) => reply.headers(PUBLIC).send(document),
    });
  }

  function documentOf(resource: string): object {
    return {
      resource,
      authorization_servers: [issuer],
      scopes_supported: MAIL_SCOPES,
      // RFC 9728 §2: none of header, body and query; SASL carries the token (RFC 7628).
      bearer_methods_supported: [],
      resource_name: `Mail submission at ${service.hostname}`,
    };
  }
}
