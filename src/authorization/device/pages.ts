// Owns what the OAuth server shows a person who came with the code of a device, and why.

import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { clientNetwork } from '../../network.ts';
import { showPage } from '../door.ts';
import type { OpenClients } from '../open-clients/clients.ts';
import {
  type CodeProblem,
  codePage,
  confirmationPage,
  deadCodePage,
  deviceDonePage,
  deviceRefusedPage,
  goOnPage,
  tooManyCodesPage,
} from '../pages/device.ts';
import type { Page, Site } from '../pages/document.ts';
import { expiredPage, faultPage, oauthProblem } from '../pages/problem.ts';
import { peerOf, referenceOf } from '../received.ts';
import { deviceTarget, spellUserCode } from './target.ts';

/** The pages of the device grant, each as the OAuth server asks for it. */
export interface DevicePages {
  /** The code, please; or what became of the one that was entered. `error` as the OAuth server names it. */
  enter(ctx: KoaContextWithOIDC, problem: { readonly error: string } | undefined, cause: unknown): void;
  confirm(ctx: KoaContextWithOIDC, client: Client): void;
  /** In place of a redirect to that path. */
  goOn(ctx: KoaContextWithOIDC, path: string): void;
  done(ctx: KoaContextWithOIDC): void;
  tooMany(ctx: KoaContextWithOIDC): void;
}

export function createDevicePages(options: {
  readonly site: Site;
  readonly openClients: Pick<OpenClients, 'voucherOf'>;
  /** Milliseconds. */
  readonly grantLifetime: number;
}): DevicePages {
  const { site, openClients, grantLifetime } = options;

  function problemOf(ctx: KoaContextWithOIDC, error: string, cause: unknown): Page {
    const { name = '', message: description = '' } = cause instanceof Error ? cause : {};
    const isNew = dropNewSession(ctx);
    if (cause instanceof errors.SessionNotFound) return expiredPage();
    // The secret of the form does not fit: a page from another day, or another web site's form.
    if (error === 'invalid_request') return isNew ? expiredPage() : askFor(ctx, 'stale');
    if (error === 'server_error' && !(name in OUTCOMES)) return faultPage(referenceOf(ctx.req));
    return OUTCOMES[name]?.(ctx) ?? oauthProblem({ status: 400, error, description });
  }

  return {
    enter(ctx, problem, cause) {
      const page = problem === undefined ? askFor(ctx, undefined) : problemOf(ctx, problem.error, cause);
      showPage(ctx, page, site);
    },
    confirm(ctx, client) {
      const code = ctx.oidc.entities.DeviceCode;
      if (code === undefined) throw new Error('the OAuth server names no device code');
      const { clientId, clientName = clientId } = client;
      const target = deviceTarget(code);
      const page = confirmationPage({
        client: { id: clientId, name: clientName, voucher: openClients.voucherOf(clientId) },
        target,
        scopes: String(code.params?.['scope'] ?? '').split(' '),
        lifetime: grantLifetime,
        secret: secretOf(ctx),
        isNearby: isSameNetwork(target.address, peerOf(ctx.req)),
        now: Math.floor(Date.now() / 1000),
      });
      showPage(ctx, page, site);
    },
    goOn: (ctx, path) => showPage(ctx, goOnPage(path), site),
    done: (ctx) => showPage(ctx, deviceDonePage(), site),
    tooMany: (ctx) => showPage(ctx, tooManyCodesPage(), site),
  };
}

// The OAuth server does not export the errors by which it asks for the first page again.
const OUTCOMES: Readonly<Record<string, (ctx: KoaContextWithOIDC) => Page>> = {
  NoCodeError: (ctx) => askFor(ctx, 'unknown'),
  NotFoundError: (ctx) => askFor(ctx, 'unknown'),
  ExpiredError: () => deadCodePage('expired'),
  AlreadyUsedError: () => deadCodePage('used'),
  AbortedError: () => deviceRefusedPage(),
};

function askFor(ctx: KoaContextWithOIDC, problem: CodeProblem | undefined): Page {
  const typed = ctx.oidc.params?.['user_code'];
  const code = prefilled.get(ctx.req) ?? (typeof typed === 'string' ? typed.slice(0, 40) : undefined);
  return codePage({ secret: secretOf(ctx), code, problem });
}

const prefilled = new WeakMap<object, string>();

/**
 * Notes the code of `verification_uri_complete` and takes it from the request: the OAuth server would answer with a page that
 * posts itself by a script.
 */
export function takeCode(ctx: KoaContextWithOIDC): void {
  const given = ctx.query['user_code'];
  const code = typeof given === 'string' ? spellUserCode(given) : undefined;
  if (code !== undefined) prefilled.set(ctx.req, code);
  ctx.query = {};
}

/**
 * By now the OAuth server has written the secret of the next form into the session. In a browser without one that is a session
 * which it will neither keep nor get over; there is nothing to keep: no form is shown. Whether it was so.
 */
function dropNewSession({ oidc: { session } }: KoaContextWithOIDC): boolean {
  if (session === undefined || session.exp !== undefined) return false;
  Object.assign(session, { touched: false });
  return true;
}

function secretOf(ctx: KoaContextWithOIDC): string {
  return String(ctx.oidc.session?.state?.['secret']);
}

function isSameNetwork(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && clientNetwork(one) === clientNetwork(other);
}
