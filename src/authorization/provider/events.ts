// Owns the translation of the OAuth server's own events into audit events.

import type { EventEmitter } from 'node:events';
import type { errors, KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { AccountDirectory } from '../../token/account.ts';
import { grantHandle } from '../../token/token-id.ts';
import type { AuthorizationEvents } from '../events.ts';
import type { KnownAccount } from '../known-account.ts';
import { peerOf, referenceOf } from '../received.ts';
import type { TokenIds } from './access-tokens.ts';
import { opaqueTokenId } from './opaque-tokens.ts';

export interface ReportOptions {
  readonly events: AuthorizationEvents;
  /** First address of an app, by client id. */
  readonly apps: ReadonlyMap<string, string>;
  readonly tokenIds: TokenIds;
  /** Requests with a refresh token that was used already, within its grace. */
  readonly repeated: WeakSet<KoaContextWithOIDC>;
  readonly accounts: AccountDirectory;
  /** The request being answered. */
  readonly context: () => KoaContextWithOIDC | undefined;
}

export function reportEvents(provider: Provider, options: ReportOptions): void {
  const { events } = options;
  const refused = (ctx: KoaContextWithOIDC, error: errors.OIDCProviderError) => {
    reportRefusal(ctx, error, events);
  };
  provider.on('grant.success', (ctx) => reportToken(ctx, options));
  provider.on('grant.error', refused);
  provider.on('authorization.error', refused);
  provider.on('device_authorization.success', (ctx) => {
    const scope = ctx.oidc.params?.['scope'];
    events.deviceGrantStarted({ ...sender(ctx), scope: typeof scope === 'string' ? scope : undefined });
  });
  provider.on('device_authorization.error', refused);
  provider.on('code_verification.error', refused);
  provider.on('device_resume.error', refused);
  provider.on('revocation.error', refused);
  provider.on('introspection.error', refused);
  provider.on('end_session.error', refused);
  // Not in the library's types.
  provider.on('end_session_confirm.error' as 'end_session.error', refused);
  provider.on('refresh_token.destroyed', (token) => reportRevokedRefreshToken(token, options));
  provider.on('end_session.success', (ctx) => void reportSignedOut(ctx, options));
  provider.on('server_error', (ctx, error) => {
    events.fault({ where: `authorization ${ctx.oidc.route}`, error, session: referenceOf(ctx.req) });
  });
  (provider as EventEmitter).on('error', (error: unknown) => {
    if (!isHangUp(error)) events.fault({ where: 'authorization', error });
  });
}

function reportToken(ctx: KoaContextWithOIDC, { events, apps, tokenIds, repeated }: ReportOptions): void {
  const { AccessToken, ClientCredentials, Grant, RotatedRefreshToken } = ctx.oidc.entities;
  const token = AccessToken ?? ClientCredentials;
  const fields = {
    ...sender(ctx),
    user: userOf(ctx) ?? apps.get(ctx.oidc.client?.clientId ?? ''),
    grant: Grant && grantHandle(Grant.jti),
    tokenId: token && (tokenIds.get(token) ?? opaqueTokenId(token.jti, AccessToken?.grantId)),
    scope: token?.scope,
  };
  if (RotatedRefreshToken !== undefined) {
    events.tokenRefreshed({ ...fields, ...(repeated.has(ctx) && { repeated: true }) });
  } else events.tokenIssued({ ...fields, grantType: String(ctx.oidc.params?.['grant_type']) });
}

function reportRefusal(
  ctx: KoaContextWithOIDC,
  error: errors.OIDCProviderError,
  events: AuthorizationEvents,
): void {
  if (NOT_REFUSED.has(error.error)) return;
  if (error.error_detail === 'refresh token already used') {
    const { Grant } = ctx.oidc.entities;
    events.refreshTokenReused({ ...sender(ctx), user: userOf(ctx), grant: Grant && grantHandle(Grant.jti) });
  }
  const reason = error.error_detail ?? error.error_description ?? error.message;
  events.clientRefused({ ...sender(ctx), error: error.error, reason });
}

const NOT_REFUSED = new Set([
  // The person's own answer, reported as such.
  'access_denied',
  // The person is not done yet.
  'authorization_pending',
  // The answers of prompt=none.
  'login_required',
  'consent_required',
  'interaction_required',
  // own-tokens.ts takes over.
  'unsupported_token_type',
]);

function reportRevokedRefreshToken(
  token: { readonly grantId?: string | undefined; readonly clientId?: string | undefined },
  { events, context }: ReportOptions,
): void {
  const ctx = context();
  // A reused one is destroyed, too; that is reported as what it is.
  if (ctx?.oidc.route !== 'revocation') return;
  events.tokenRevoked({ ...sender(ctx), grant: token.grantId && grantHandle(token.grantId) });
}

async function reportSignedOut(ctx: KoaContextWithOIDC, { events, accounts }: ReportOptions): Promise<void> {
  const accountId = ctx.oidc.session?.accountId;
  if (accountId === undefined || ctx.oidc.params?.['logout'] === undefined) return;
  try {
    const account = await accounts.find(accountId);
    events.signedOut({ ...sender(ctx), user: account?.addresses[0] });
  } catch (error) {
    events.fault({ where: 'authorization sign-out', error });
  }
}

function sender(ctx: KoaContextWithOIDC) {
  return { peer: peerOf(ctx.req), client: ctx.oidc.client?.clientId };
}

function userOf(ctx: KoaContextWithOIDC): string | undefined {
  return (ctx.oidc.account as KnownAccount | undefined)?.addresses[0];
}

// A client that closes the connection early is nobody's fault.
function isHangUp(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}
