// Owns the start page, which shows who is signed in, and what all pages need: stylesheet and icon.

import type { FastifyInstance } from 'fastify';
import { type Door, sendPage } from './door.ts';
import { knownAccount } from './known-account.ts';
import { startPage } from './pages/account.ts';
import { ICON, ICON_PATH, STYLESHEET, STYLESHEET_PATH } from './pages/stylesheet.ts';

export function registerAccount(app: FastifyInstance, door: Door): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/',
    handler: async (request, reply) => {
      const provider = door.provider.current();
      const session = await provider.Session.get(provider.createContext(request.raw, reply.raw));
      const account =
        session.accountId === undefined ? undefined : await knownAccount(door.accounts, session.accountId);
      const service = { issuer: door.issuer.origin, hostname: door.site.hostname };
      return sendPage(reply, startPage(service, account?.addresses), door.site);
    },
  });

  asset(app, STYLESHEET_PATH, 'text/css; charset=utf-8', STYLESHEET, 'public, max-age=31536000, immutable');
  asset(app, ICON_PATH, 'image/svg+xml', ICON, 'public, max-age=86400');
}

function asset(app: FastifyInstance, url: string, type: string, text: string, caching: string): void {
  app.route({
    method: ['GET', 'HEAD'],
    url,
    handler: (_request, reply) => reply.type(type).header('cache-control', caching).send(text),
  });
}
