// Owns the device grant (RFC 8628) around the OAuth server, which knows codes and grants: our pages in place of its own, the limit
// on wrong codes, and the pace of those who wait.

import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { sessionCookie } from '../door.ts';
import type { AuthorizationEvents } from '../events.ts';
import { DEVICE_AUTHORIZATION_PATH, DEVICE_PATH } from '../oauth-routes.ts';
import type { Middleware } from '../provider/middleware.ts';
import { peerOf } from '../received.ts';
import { createDeviceAttempts } from './attempts.ts';
import { createDevicePace } from './pace.ts';
import { type DevicePages, takeCode } from './pages.ts';
import type { DeviceGrantSettings } from './settings.ts';
import { deviceTarget, USER_CODE } from './target.ts';

export interface DeviceGrant {
  readonly feature: NonNullable<NonNullable<Configuration['features']>['deviceFlow']>;
  /** What stands around the endpoints. It remembers, so there is one for all the time. */
  readonly middleware: Middleware;
}

export function createDeviceGrant(options: {
  readonly settings: DeviceGrantSettings;
  readonly issuer: string;
  readonly pages: DevicePages;
  readonly events: Pick<AuthorizationEvents, 'deviceGrantRefused' | 'deviceCodesLimited'>;
}): DeviceGrant {
  const { settings, issuer, pages, events } = options;
  const attempts = createDeviceAttempts();
  const pace = createDevicePace({ interval: settings.interval });
  if (!settings.enabled) return { feature: { enabled: false }, middleware: (_ctx, next) => next() };

  async function enterCode(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
    const peer = peerOf(ctx.req);
    const browser = ctx.cookies.get(sessionCookie(issuer), { signed: true });
    const attempt = attempts.begin({ address: peer ?? '', browser });
    if (attempt === undefined) {
      events.deviceCodesLimited({ peer });
      return pages.tooMany(ctx);
    }
    await next();
    const code = ctx.oidc.entities.DeviceCode;
    if (code !== undefined) attempt.wasRight();
    const location = ctx.response.get('location');
    if (ctx.status === 303 && location !== '') {
      ctx.remove('location');
      pages.goOn(ctx, location);
    }
    // Before anybody has signed in; a refusal after that is a consent denied.
    if (code?.error === 'access_denied' && ctx.oidc.params?.['abort'] !== undefined) {
      events.deviceGrantRefused({ peer, client: code.clientId, requestedFrom: deviceTarget(code).address });
    }
  }

  /** RFC 8628 §3.5: who still has to wait and asks too early is told to slow down, in place of `authorization_pending`. */
  function slowDown(ctx: KoaContextWithOIDC): void {
    if (errorOf(ctx.body) !== 'authorization_pending') return;
    if (!pace.isTooFast(String(ctx.oidc.params?.['device_code']))) return;
    ctx.body = { error: 'slow_down', error_description: 'wait 5 seconds longer between two requests' };
  }

  return {
    feature: {
      enabled: true,
      ...USER_CODE,
      deviceInfo: (ctx) => ({ address: peerOf(ctx.req) }),
      userCodeInputSource: async (ctx, _form, problem, cause) => pages.enter(ctx, problem, cause),
      userCodeConfirmSource: async (ctx, _form, client) => pages.confirm(ctx, client),
      successSource: async (ctx) => pages.done(ctx),
    },
    async middleware(ctx, next) {
      if (ctx.path === DEVICE_PATH && ctx.method === 'POST') return enterCode(ctx, next);
      if (ctx.path === DEVICE_PATH) takeCode(ctx);
      await next();
      if (ctx.path === DEVICE_AUTHORIZATION_PATH && ctx.status === 200) {
        Object.assign(ctx.body as object, { interval: Math.ceil(settings.interval / 1000) });
      }
      if (ctx.oidc?.route === 'token') slowDown(ctx);
    },
  };
}

function errorOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
}
