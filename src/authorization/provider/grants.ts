// Owns the policy of grants: when a person is asked, what a grant holds, and that it comes from a consent.

import {
  type Configuration,
  errors,
  type Grant,
  interactionPolicy,
  type KoaContextWithOIDC,
  type Provider,
} from 'oidc-provider';
import type { FreshStart } from '../access/fresh-start.ts';
import { idpSessionOf, type Origins } from '../access/origins.ts';
import { type ConsentItem, type ConsentMemory, consentItems } from '../interaction/consents.ts';
import { type RedirectTarget, redirectTarget } from '../interaction/redirect-target.ts';
import type { KnownAccount } from '../known-account.ts';
import { isFromOtherSite } from '../received.ts';
import { DEFAULT_SCOPE, MAIL_SCOPES, SCOPES } from '../scopes.ts';

/** What one authorization request asks for: scopes of the issuer, and scopes per resource as the client named it. */
export interface RequestedScopes {
  readonly own: readonly string[];
  readonly resources: Readonly<Record<string, readonly string[]>>;
}

/** When the person is asked to sign in and to consent. */
export function promptPolicy({
  isSessionOver,
}: Pick<FreshStart, 'isSessionOver'>): interactionPolicy.Prompt[] {
  const policy = interactionPolicy.base();
  // It asks again at every sign-in of a native client; see consents.ts for why a remembered consent is enough.
  policy.get('consent')?.checks.remove('native_client_prompt');
  policy
    .get('login')
    ?.checks.add(
      new interactionPolicy.Check(
        'account_unusable',
        'the account of the session is gone or switched off',
        (ctx) => ctx.oidc.session?.accountId !== undefined && ctx.oidc.account === undefined,
      ),
    );
  policy.get('login')?.checks.add(
    new interactionPolicy.Check('session_over', 'the access of the person was ended since', (ctx) => {
      const { uid, accountId, loginTs: signedInAt = 0 } = ctx.oidc.session ?? {};
      if (uid === undefined || accountId === undefined) return false;
      return isSessionOver({ uid, accountId, signedInAt });
    }),
  );
  return policy;
}

/**
 * Runs after the request was checked (`extraParams`), because there the OAuth server allows parameters to be completed.
 *
 * It has dropped `offline_access` from every request without `prompt=consent` (OpenID Connect Core §11). Mail programs
 * do not send that, and the consent page tells of it whenever it is asked for, so it comes back.
 */
export function settleScope(ctx: KoaContextWithOIDC): void {
  const { params, client } = ctx.oidc;
  if (params === undefined) return;
  const sent = ctx.oidc.route === 'device_authorization' ? ctx.oidc.body?.['scope'] : ctx.query['scope'];
  const asked = typeof sent === 'string' ? sent.split(' ') : [DEFAULT_SCOPE];
  const known = SCOPES.filter((scope) => asked.includes(scope));
  if (known.length === 0) {
    throw new errors.InvalidScope('none of the requested scopes is known here', asked.join(' '));
  }
  const mayRefresh = client?.grantTypeAllowed('refresh_token') === true;
  params['scope'] = known.filter((scope) => scope !== 'offline_access' || mayRefresh).join(' ');
}

/**
 * Runs like {@link settleScope}. Notes in the request itself, for after the sign-in, whether a page of another site has sent
 * the browser here; whatever the client has written there is overwritten.
 */
export function noteSender(ctx: KoaContextWithOIDC): void {
  const { params } = ctx.oidc;
  if (params !== undefined) params[SENDER] = isFromOtherSite(ctx.req) ? 'page' : undefined;
}

/** Name of the parameter that the OAuth server keeps with the others. */
export const SENDER = 'postern_sender';

/**
 * Whether the client may be another than it says: without a secret and with an answer that goes to whoever listens on the
 * person's device. Then a remembered consent counts only where the person has opened the browser for it, see consents.ts.
 */
function mayBeForged(ctx: KoaContextWithOIDC, { kind }: Pick<RedirectTarget, 'kind'>): boolean {
  const { client, params, prompts } = ctx.oidc;
  if (kind === 'web' || client?.clientAuthMethod !== 'none') return false;
  return params?.[SENDER] !== undefined || prompts.has('none');
}

/** The grant for a request whose consent was given just now or is remembered; without one the person is asked. */
export function grantLoader(
  consents: ConsentMemory,
  origins: Origins,
): NonNullable<Configuration['loadExistingGrant']> {
  return async (ctx) => {
    const { provider, session } = ctx.oidc;
    const account = ctx.oidc.account as KnownAccount | undefined;
    const given = ctx.oidc.result?.consent?.grantId;
    const origin = idpSessionOf(ctx.oidc.result?.login);
    // Here the browser session is known that the sign-in has led to.
    if (origin !== undefined && session !== undefined) await origins.rememberSession(session.uid, origin);
    if (given !== undefined) return provider.Grant.find(given);
    if (account === undefined || session === undefined) return undefined;
    // What a person allowed for one device is no word for another, which somebody far away may hold (RFC 8628 §5.4).
    if (ctx.oidc.entities.DeviceCode !== undefined) return undefined;
    if (ctx.oidc.promptPending('consent') || ctx.oidc.promptPending('login')) return undefined;
    const scopes = scopesOf(ctx);
    const clientId = ctx.oidc.client?.clientId ?? '';
    const target = redirectTarget(String(ctx.oidc.params?.['redirect_uri']));
    if (mayBeForged(ctx, target)) return undefined;
    const items = itemsFor({ scopes, account, target });
    const until = await consents.recall(account.accountId, clientId, items);
    if (until === undefined) return undefined;
    // A grant of its own for each authorization: ending one, say on a lost laptop, leaves the person's others alone.
    const made = await saveGrant(provider, { accountId: account.accountId, clientId, scopes, until });
    await origins.rememberGrant(made.grantId, session.uid);
    return made.grant;
  };
}

/** Everything the consent page says about a request. */
export function itemsFor(request: {
  readonly scopes: RequestedScopes;
  readonly account: Pick<KnownAccount, 'addresses'>;
  readonly target: Pick<RedirectTarget, 'key'>;
}): ConsentItem[] {
  const scopes = allScopes(request.scopes);
  const sends = MAIL_SCOPES.some((scope) => scopes.includes(scope));
  return consentItems({
    scopes,
    addresses: sends ? request.account.addresses : [],
    target: request.target.key,
  });
}

export function allScopes({ own, resources }: RequestedScopes): string[] {
  return [...new Set([...own, ...Object.values(resources).flat()])];
}

/** Seconds; without a refresh token nothing of a grant outlives its access tokens. */
const SHORT_GRANT = 86_400;

/** Keeps a new grant that ends when the consent does, or sooner where the program cannot come back without the person. */
export async function saveGrant(
  provider: Provider,
  grant: {
    readonly accountId: string;
    readonly clientId: string;
    readonly scopes: RequestedScopes;
    /** Seconds since the epoch. */
    readonly until: number;
  },
): Promise<{ grant: Grant; grantId: string }> {
  const { accountId, clientId, scopes, until } = grant;
  const longest = scopes.own.includes('offline_access') ? Infinity : SHORT_GRANT;
  const expiresIn = Math.max(1, Math.min(longest, until - Math.floor(Date.now() / 1000)));
  const properties: object = { accountId, clientId, expiresIn };
  const made = new provider.Grant(properties);
  if (scopes.own.length > 0) made.addOIDCScope([...scopes.own]);
  for (const [resource, wanted] of Object.entries(scopes.resources)) {
    made.addResourceScope(resource, [...wanted]);
  }
  return { grant: made, grantId: await made.save() };
}

function scopesOf(ctx: KoaContextWithOIDC): RequestedScopes {
  const asked = [...ctx.oidc.requestParamScopes];
  const resources = Object.entries(ctx.oidc.resourceServers ?? {}).map(([indicator, server]) => {
    return [indicator, asked.filter((scope) => server.scopes.has(scope))] as const;
  });
  return { own: [...ctx.oidc.requestParamOIDCScopes], resources: Object.fromEntries(resources) };
}
