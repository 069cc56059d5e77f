// Owns what the routes of this door share: the parts they work with, and how they show a page.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { FreshStart } from './access/fresh-start.ts';
import type { Origins } from './access/origins.ts';
import type { AuthorizationEvents } from './events.ts';
import type { ConsentMemory } from './interaction/consents.ts';
import type { SignIn } from './interaction/sign-in.ts';
import type { OpenClients } from './open-clients/clients.ts';
import { documentOf, type Page, pageHeaders, type Site } from './pages/document.ts';
import type { ProviderHost } from './provider/provider.ts';
import type { AccountStore } from './stores.ts';

export interface Door {
  readonly issuer: URL;
  readonly site: Site;
  readonly provider: ProviderHost;
  readonly openClients: Pick<OpenClients, 'voucherOf'>;
  readonly signIn: SignIn;
  readonly identityProviderHealth: IdentityProviderHealth;
  readonly consents: ConsentMemory;
  readonly origins: Origins;
  readonly freshStart: FreshStart;
  /** Milliseconds after which consent is asked for again. */
  readonly grantLifetime: number;
  readonly accounts: AccountStore;
  readonly events: AuthorizationEvents;
}

/** Reports once when the identity provider goes away, and once when it is back. */
export interface IdentityProviderHealth {
  down(reason: string): void;
  up(): void;
}

export function watchIdentityProvider(issuer: string, events: AuthorizationEvents): IdentityProviderHealth {
  let isDown = false;
  return {
    down(reason) {
      if (!isDown) events.identityProviderDown({ issuer, reason });
      isDown = true;
    },
    up() {
      if (isDown) events.identityProviderUp({ issuer });
      isDown = false;
    },
  };
}

/** Answers a request with a page. */
export function sendPage(reply: FastifyReply, page: Page, site: Site): FastifyReply {
  return reply.code(page.status).headers(pageHeaders(page)).send(documentOf(page, site));
}

/** The same for what the OAuth server shows. */
export function showPage(ctx: KoaContextWithOIDC, page: Page, site: Site): void {
  ctx.status = page.status;
  ctx.body = documentOf(page, site);
  ctx.set(pageHeaders(page));
}

const BROWSER_COOKIE = 'postern_browser';

/** The random value that ties a sign-in to the browser it was begun in. */
export function readBrowser(door: Door, request: FastifyRequest, reply: FastifyReply): string | undefined {
  return cookiesOf(door, request.raw, reply.raw).get(browserCookieName(door), { signed: true });
}

export function writeBrowser(door: Door, request: FastifyRequest, reply: FastifyReply, value: string): void {
  const attributes = { httpOnly: true, sameSite: 'lax', signed: true, path: '/' } as const;
  cookiesOf(door, request.raw, reply.raw).set(browserCookieName(door), value, attributes);
}

/** Name of the cookie that holds the browser session. */
export function sessionCookie(issuer: string): string {
  return `${issuer.startsWith('https:') ? '__Host-' : ''}postern_session`;
}

function browserCookieName({ issuer }: Door): string {
  return issuer.protocol === 'https:' ? `__Host-${BROWSER_COOKIE}` : BROWSER_COOKIE;
}

// The OAuth server's own: signed with the kept keys, and Secure under https.
function cookiesOf({ provider }: Door, request: IncomingMessage, response: ServerResponse) {
  return provider.current().createContext(request, response).cookies;
}
