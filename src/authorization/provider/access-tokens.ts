// Owns the policy of access tokens: for which resource they are, what they hold, and how long things live.

import { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { composeTokenId } from '../../token/token-id.ts';
import type { FreshStart } from '../access/fresh-start.ts';
import { DEFAULT_SCOPE, isSubmissionResource, MAIL_SCOPES } from '../scopes.ts';
import type { AuthorizationSettings } from '../settings.ts';

/** The `jti` of each access token, by the OAuth server's own object for it: events name it. */
export type TokenIds = WeakMap<object, string>;

export interface SubmissionService {
  readonly audience: string;
  readonly hostname: string;
}

type ResourceIndicators = NonNullable<NonNullable<Configuration['features']>['resourceIndicators']>;

/** RFC 8707: every token is for the submission service, however the client names it, and also where it names none. */
export function resourceIndicators(
  service: SubmissionService,
  clients: AuthorizationSettings['clients'],
  freshStart: Pick<FreshStart, 'ofToken'>,
): ResourceIndicators {
  const short = new Set(
    clients.filter((client) => client.accessTokenFormat === 'opaque').map(({ clientId }) => clientId),
  );
  return {
    enabled: true,
    defaultResource: (_ctx, _client, oneOf) => oneOf?.[0] ?? service.audience,
    async getResourceServerInfo(ctx, indicator, client) {
      if (!isSubmissionResource(indicator, service)) {
        throw new errors.InvalidTarget('resource is not the submission service');
      }
      if (ctx.oidc.params?.['grant_type'] === 'client_credentials') settleAppScope(ctx);
      if (ctx.oidc.route === 'token') {
        await freshStart.ofToken({ accountId: ctx.oidc.account?.accountId, clientId: client.clientId });
      }
      return {
        scope: MAIL_SCOPES.join(' '),
        audience: service.audience,
        accessTokenFormat: short.has(client.clientId) ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      };
    },
  };
}

// An app that names no scope may send; one that names only unknown ones would get a token good for nothing.
function settleAppScope(ctx: KoaContextWithOIDC): void {
  const { params } = ctx.oidc;
  if (params === undefined) return;
  params['scope'] ??= DEFAULT_SCOPE;
  const asked = String(params['scope']).split(' ');
  if (!MAIL_SCOPES.some((scope) => asked.includes(scope))) {
    throw new errors.InvalidScope('none of the requested scopes is known here', asked.join(' '));
  }
}

/**
 * Claims of an access token: iss, sub, aud, client_id, scope, iat, exp, jti (RFC 9068 §2.2), cnf where it is bound to a certificate
 * (RFC 8705 §3.1), and no more, since some mail clients take short tokens only. The `jti` begins with a handle of the grant, so that ending the grant reaches the token.
 */
export function tokenFormats(tokenIds: TokenIds): NonNullable<Configuration['formats']> {
  return {
    customizers: {
      jwt: (_ctx, token, jwt) => {
        const tokenId = composeTokenId('grantId' in token ? token.grantId : undefined);
        jwt.payload['jti'] = tokenId;
        tokenIds.set(token, tokenId);
      },
    },
  };
}

const CODE_LIFETIME = 60;
const ID_TOKEN_LIFETIME = 600;
/** Time for signing in at the identity provider, and for reading the consent page. */
export const INTERACTION_LIFETIME = 1800;

/** Lifetimes in seconds. */
export function lifetimes(settings: AuthorizationSettings): NonNullable<Configuration['ttl']> {
  const session = inSeconds(settings.sessionLifetime);
  return {
    AccessToken: inSeconds(settings.accessTokenLifetime),
    ClientCredentials: inSeconds(settings.accessTokenLifetime),
    AuthorizationCode: CODE_LIFETIME,
    DeviceCode: inSeconds(settings.deviceGrant.codeLifetime),
    IdToken: ID_TOKEN_LIFETIME,
    Interaction: INTERACTION_LIFETIME,
    Grant: inSeconds(settings.grantLifetime),
    // Counted anew at each use; the end of the grant ends it, too.
    RefreshToken: inSeconds(settings.refreshTokenLifetime),
    // Counted from the sign-in: clicking about does not lengthen it. One without holds the secret of a form.
    Session: (_ctx, { loginTs }) => {
      if (loginTs === undefined) return Math.min(session, INTERACTION_LIFETIME);
      return Math.max(1, loginTs + session - Math.floor(Date.now() / 1000));
    },
  };
}

function inSeconds(milliseconds: number): number {
  return Math.max(1, Math.floor(milliseconds / 1000));
}
