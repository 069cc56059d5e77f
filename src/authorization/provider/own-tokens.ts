// Owns revocation (RFC 7009) and introspection (RFC 7662) of Postern's own access tokens. The OAuth server keeps no JWT and
// so refuses them there, and of opaque ones knows no revocation; once it has authenticated the client, this takes over.

import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { isRefusal } from '../../refusal.ts';
import { decodeToken } from '../../token/checks/decode.ts';
import { isOpaqueForm, type OpaqueTokens } from '../../token/own-opaque.ts';
import type { TokenVerifier } from '../../token/verifier.ts';
import type { Revocations } from '../../token/withdrawal/revocations.ts';
import type { AuthorizationEvents } from '../events.ts';
import { peerOf } from '../received.ts';

/** What a verified access token of Postern's own says. */
export interface OwnToken {
  /** `jti`. */
  readonly tokenId: string;
  /** Handle of the grant; undefined for client credentials. */
  readonly grantId: string | undefined;
  readonly clientId: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** `sub`, `scope`, `iat` where known: introspection passes them on. */
  readonly subject?: string | undefined;
  readonly scope?: string | undefined;
  readonly issuedAt?: number | undefined;
  /** Of the client certificate it is bound to, if it is: `cnf.x5t#S256`. */
  readonly certificate?: string | undefined;
}

/** Undefined where the text is no access token that Postern issued, or one that has expired or was revoked. */
export type IdentifyOwnToken = (token: string) => Promise<OwnToken | undefined>;

/** Asks the verifier that the mail client's door uses. */
export function identifyByVerifier(verifier: Pick<TokenVerifier, 'read'>, issuer: string): IdentifyOwnToken {
  return async (token) => {
    // Anybody may ask here, and the verifier would ask the issuer that a signed token names, which a public client can invent.
    if (!isOpaqueForm(token) && issuerNamedIn(token) !== issuer) return undefined;
    // Whoever ends a token or asks about it need not hold the certificate that it is bound to.
    const verdict = await verifier.read(token);
    if (isRefusal(verdict) || verdict.principal.issuer !== issuer) return undefined;
    const { tokenId, grantId, clientId, expiresAt, subject, scopes } = verdict.principal;
    if (tokenId === undefined || clientId === undefined) return undefined;
    const { certificate } = verdict;
    return { tokenId, grantId, clientId, expiresAt, subject, scope: scopes.join(' '), certificate };
  };
}

/** As it says itself. */
function issuerNamedIn(token: string): unknown {
  const decoded = decodeToken(token);
  return isRefusal(decoded) ? undefined : decoded.claims['iss'];
}

export interface OwnTokensOptions {
  readonly identify: IdentifyOwnToken;
  readonly opaque: OpaqueTokens;
  readonly revocations: Revocations;
  readonly issuer: string;
  readonly audience: string;
  /** Milliseconds by which a verifier takes a token past its expiry. */
  readonly leeway: number;
  readonly events: Pick<AuthorizationEvents, 'tokenRevoked'>;
}

export interface OwnTokens {
  middleware(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void>;
}

export function createOwnTokens(options: OwnTokensOptions): OwnTokens {
  return {
    async middleware(ctx, next) {
      await next();
      const route = ctx.oidc?.route;
      if (route !== 'revocation' && route !== 'introspection') return;
      const { client, params } = ctx.oidc;
      if (client === undefined) return;
      // RFC 7662 §2.1: for clients that prove who they are; a public one could be anybody trying tokens.
      if (route === 'introspection' && client.clientAuthMethod === 'none') return refuseClient(ctx);
      const token = String(params?.['token']);
      // Either is given only after the client has proved who it is.
      const isOpaque = ctx.status === 200 && isOpaqueForm(token) && !isRefreshToken(ctx);
      if (!isOpaque && !isUnsupportedTokenType(ctx.body)) return;
      // What is none of ours, the verifier might show to other issuers.
      const isOurs = !isOpaque || (await options.opaque.find(token)) !== undefined;
      const own = isOurs ? await options.identify(token) : undefined;
      if (route === 'revocation') await revoke(ctx, client, own, options);
      else introspect(ctx, own, options);
    },
  };
}

interface StoredToken {
  readonly kind: string;
  readonly clientId?: string | undefined;
}

/**
 * A refresh token is nobody's business but its own client's. Access tokens are shown to servers, but the OAuth server knows
 * nothing of revocations, and stumbles over a client that is gone: the middleware answers.
 */
export function mayIntrospect(_ctx: KoaContextWithOIDC, client: Client, token: StoredToken): boolean {
  return token.kind === 'RefreshToken' && token.clientId === client.clientId;
}

/**
 * RFC 7009 §2.1: a token may be revoked only by the client it was issued to; another one is told so. Of an opaque access token
 * the OAuth server would end the grant, and tell no session: the middleware ends it like any other, and it alone.
 */
export function mayRevoke(_ctx: KoaContextWithOIDC, client: Client, token: StoredToken): boolean {
  if (token.clientId !== client.clientId) throw new errors.InvalidRequest(NOT_YOURS);
  return token.kind === 'RefreshToken';
}

const NOT_YOURS = 'the token was issued to another client';

async function revoke(
  ctx: KoaContextWithOIDC,
  client: Client,
  own: OwnToken | undefined,
  { revocations, leeway, events }: OwnTokensOptions,
): Promise<void> {
  if (own !== undefined && own.clientId !== client.clientId) {
    ctx.status = 400;
    ctx.body = { error: 'invalid_request', error_description: NOT_YOURS };
    return;
  }
  // RFC 7009 §2.2: an invalid token is answered like a revoked one.
  if (own !== undefined) {
    const expiresAt = own.expiresAt + Math.ceil(leeway / 1000);
    await revocations.revoke({ kind: 'token', id: own.tokenId, expiresAt });
    const { tokenId, grantId: grant } = own;
    events.tokenRevoked({ peer: peerOf(ctx.req), client: client.clientId, tokenId, grant });
  }
  ctx.body = '';
  ctx.status = 200;
}

function introspect(
  ctx: KoaContextWithOIDC,
  own: OwnToken | undefined,
  { issuer, audience }: OwnTokensOptions,
): void {
  ctx.status = 200;
  // A verifier allows for clocks that differ; here `exp` is told, and must not contradict `active`.
  if (own === undefined || own.expiresAt <= Date.now() / 1000) {
    ctx.body = { active: false };
    return;
  }
  ctx.body = {
    active: true,
    client_id: own.clientId,
    token_type: 'Bearer',
    iss: issuer,
    aud: audience,
    sub: own.subject,
    scope: own.scope,
    iat: own.issuedAt,
    exp: own.expiresAt,
    jti: own.tokenId,
    // RFC 8705 §3.2.
    ...(own.certificate !== undefined && { cnf: { 'x5t#S256': own.certificate } }),
  };
}

function refuseClient(ctx: KoaContextWithOIDC): void {
  ctx.status = 401;
  ctx.body = { error: 'invalid_client', error_description: 'client authentication failed' };
}

function isRefreshToken({ oidc }: KoaContextWithOIDC): boolean {
  return oidc.entities.RefreshToken !== undefined;
}

function isUnsupportedTokenType(body: unknown): boolean {
  return (
    typeof body === 'object' && body !== null && 'error' in body && body.error === 'unsupported_token_type'
  );
}
