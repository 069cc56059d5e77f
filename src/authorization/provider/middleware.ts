// Owns what stands around the OAuth server: what it writes by itself and Postern says otherwise, and the net below it.

import type { KoaContextWithOIDC } from 'oidc-provider';
import type { AuthorizationEvents } from '../events.ts';
import { AUTHORIZATION_PATH, isForPrograms } from '../oauth-routes.ts';
import { referenceOf } from '../received.ts';
import { SCOPES } from '../scopes.ts';
import type { ProviderPages } from './provider.ts';

export type Middleware = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

/** Faults of our own parts become an answer of the right kind; the OAuth server sees to its own. */
export function faultNet(pages: ProviderPages, events: Pick<AuthorizationEvents, 'fault'>): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      events.fault({ where: `authorization ${ctx.path}`, error, session: referenceOf(ctx.req) });
      ctx.status = 500;
      if (isForPrograms(ctx.path)) ctx.body = { error: 'server_error' };
      else pages.error(ctx, { error: 'server_error' }, error);
    }
  };
}

/**
 * The OAuth server has pages that post themselves by a script, which no page of ours may hold: one for other response modes,
 * one for signing out where nobody is signed in.
 */
export function ownPresentation(pages: ProviderPages): Middleware {
  return async (ctx, next) => {
    const mode = ctx.query['response_mode'];
    if (ctx.path === AUTHORIZATION_PATH && typeof mode === 'string' && mode !== 'query') {
      ctx.status = 400;
      pages.error(ctx, { error: 'unsupported_response_mode', error_description: 'use query' }, undefined);
      return;
    }
    await next();
    const route = ctx.oidc?.route;
    if (route === 'discovery' && typeof ctx.body === 'object') {
      Object.assign(ctx.body as object, { scopes_supported: SCOPES, response_modes_supported: ['query'] });
    }
    if (route === 'token' && ctx.status === 200) ctx.body = withOfflineAccess(ctx);
    if (route === 'discovery' || route === 'jwks') ctx.set('cache-control', 'public, max-age=300');
    if (route === 'end_session' && ctx.status === 200 && ctx.oidc.session?.accountId === undefined) {
      pages.signedOut(ctx);
    }
  };
}

/**
 * RFC 6749 §5.1: an answer whose scope is not the one asked for says what was granted. The OAuth server names the access token's
 * alone, so `offline_access` would seem refused: Thunderbird would never find the refresh token again that it keeps by this scope,
 * and have its user sign in at each start.
 */
function withOfflineAccess(ctx: KoaContextWithOIDC): object {
  const body = ctx.body as { readonly scope?: string; readonly refresh_token?: string };
  const asked = ctx.oidc.params?.['scope'];
  const isOffline = typeof asked !== 'string' || asked.split(' ').includes(OFFLINE_ACCESS);
  if (body.refresh_token === undefined || body.scope === undefined || !isOffline) return body;
  return { ...body, scope: `${body.scope} ${OFFLINE_ACCESS}` };
}

const OFFLINE_ACCESS = 'offline_access';
