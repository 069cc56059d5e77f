// Owns the OAuth server: the only place where oidc-provider is configured and made. Grants and endpoints are its own work;
// here stand the policy, the storage, and the pages it shows.

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type ClientAuthMethod,
  type ClientMetadata,
  type Configuration,
  type JWKS,
  type KoaContextWithOIDC,
  Provider,
} from 'oidc-provider';
import type { AccountDirectory } from '../../token/account.ts';
import type { Keyring } from '../../token/keys/keyring.ts';
import type { FreshStart } from '../access/fresh-start.ts';
import type { Origins } from '../access/origins.ts';
import type { DeviceGrant } from '../device/grant.ts';
import { sessionCookie } from '../door.ts';
import type { AuthorizationEvents } from '../events.ts';
import type { ConsentMemory } from '../interaction/consents.ts';
import { knownAccount } from '../known-account.ts';
import type { Authorities } from '../mutual-tls/authorities.ts';
import { GLOBAL_REVOCATION_PATH, interactionPath, REGISTRATION_PATH } from '../oauth-routes.ts';
import type { OpenClients } from '../open-clients/clients.ts';
import { resourceIdentifiers } from '../protected-resource.ts';
import { peerOf } from '../received.ts';
import type { AuthorizationSettings } from '../settings.ts';
import type { ArtifactStore } from '../stores.ts';
import { lifetimes, resourceIndicators, type SubmissionService, tokenFormats } from './access-tokens.ts';
import { createAdapterFactory, type EndedGrant } from './adapter.ts';
import { checkClientAssertion } from './client-assertion.ts';
import { mutualTls } from './client-certificate.ts';
import { reportEvents } from './events.ts';
import type { GrantEnder } from './grant-end.ts';
import { grantLoader, noteSender, promptPolicy, SENDER, settleScope } from './grants.ts';
import { faultNet, ownPresentation } from './middleware.ts';
import { mayIntrospect, mayRevoke, type OwnTokens } from './own-tokens.ts';
import type { RefreshGrace } from './refresh-grace.ts';

export interface ProviderOptions {
  readonly settings: AuthorizationSettings;
  readonly service: SubmissionService;
  readonly clients: readonly ClientMetadata[];
  /** Finds those that nobody configured. */
  readonly openClients: OpenClients;
  readonly cookieKeys: readonly string[];
  readonly keyring: Keyring;
  /** Who vouches for clients' certificates now; undefined where the operator named nobody. */
  readonly authorities: (() => Authorities) | undefined;
  readonly accounts: AccountDirectory;
  readonly consents: ConsentMemory;
  readonly origins: Origins;
  readonly freshStart: FreshStart;
  readonly artifacts: ArtifactStore;
  readonly refreshGrace: RefreshGrace;
  readonly endGrant: GrantEnder;
  readonly ownTokens: OwnTokens;
  readonly deviceGrant: DeviceGrant;
  readonly events: AuthorizationEvents;
  /** First address of each app, by client id. */
  readonly apps: ReadonlyMap<string, string>;
  readonly pages: ProviderPages;
}

/** The pages that the OAuth server has to show by itself. */
export interface ProviderPages {
  error(
    ctx: KoaContextWithOIDC,
    problem: { readonly error: string; readonly error_description?: string | undefined },
    cause: unknown,
  ): void;
  signOut(ctx: KoaContextWithOIDC): void;
  signedOut(ctx: KoaContextWithOIDC): void;
}

/** The running OAuth server. */
export interface ProviderHost {
  /** Made anew when the signing keys change; all its state is in the store, so nobody notices. */
  current(): Provider;
  /** Answers a request to one of the routes of oauth-routes.ts, reading its body itself. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  close(): void;
}

/** Rejects where a configured client does not fit, with a message that names it. */
export async function createProviderHost(options: ProviderOptions): Promise<ProviderHost> {
  let provider = createProvider(options);
  let callback = provider.callback();
  for (const { client_id: clientId } of options.clients) await checkClient(provider, clientId);
  const stopListening = options.keyring.onChange(() => {
    provider = createProvider(options);
    callback = provider.callback();
  });
  return {
    current: () => provider,
    handle: (request, response) => callback(request, response),
    close: stopListening,
  };
}

function createProvider(options: ProviderOptions): Provider {
  const tokenIds = new WeakMap<object, string>();
  const repeated = new WeakSet<KoaContextWithOIDC>();
  const context = () => Provider.ctx;
  const onGrantEnded = (ended: EndedGrant) => {
    const ctx = Provider.ctx;
    return options.endGrant({ ...ended, route: ctx?.oidc.route, peer: ctx && peerOf(ctx.req) });
  };
  const provider = new Provider(options.settings.issuer, {
    ...endpoints(options),
    ...cookies(options),
    ...policy(options),
    formats: tokenFormats(tokenIds),
    adapter: createAdapterFactory({
      artifacts: options.artifacts,
      onGrantEnded,
      isOwnPage: () => Provider.ctx === undefined || DEVICE_PAGES.has(Provider.ctx.oidc.route),
      refresh: {
        grace: options.refreshGrace,
        isUnderWay: () => Provider.ctx?.oidc.route === 'token',
        replaces: () => Provider.ctx?.oidc.entities.RotatedRefreshToken?.jti,
        onRepeated: () => void (Provider.ctx && repeated.add(Provider.ctx)),
      },
      findClient: async (clientId) => {
        const ctx = Provider.ctx;
        return options.openClients.find(clientId, (ctx && peerOf(ctx.req)) ?? '');
      },
    }),
    jwks: options.keyring.privateJwks() as JWKS,
    clients: options.clients.map((client) => ({ ...client })),
  });
  // The headers it then believes are our own: see received.ts.
  provider.proxy = true;
  provider.use(faultNet(options.pages, options.events));
  provider.use(options.ownTokens.middleware);
  provider.use(ownPresentation(options.pages));
  provider.use(options.deviceGrant.middleware);
  reportEvents(provider, { ...options, tokenIds, repeated, context });
  return provider;
}

const DEVICE_PAGES = new Set(['code_verification', 'device_resume']);

/** What is offered, and what the metadata says of it (RFC 8414 §2). */
function endpoints(options: ProviderOptions): Configuration {
  const { settings, authorities, service, pages, deviceGrant, freshStart } = options;
  return {
    responseTypes: ['code'],
    clientAuthMethods: methodsAtTheTokenEndpoint(settings),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256'],
      clientAuthSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256'],
    },
    claims: { openid: ['sub'], email: ['email'] },
    discovery: {
      // RFC 9728 §4.
      protected_resources: resourceIdentifiers(service),
      ...(settings.registration.mode === 'open' && {
        registration_endpoint: new URL(REGISTRATION_PATH, settings.issuer).href,
      }),
      ...(settings.clientMetadataDocuments.mode === 'open' && {
        client_id_metadata_document_supported: true,
      }),
      ...(settings.globalRevocation && {
        global_token_revocation_endpoint: new URL(GLOBAL_REVOCATION_PATH, settings.issuer).href,
      }),
      revocation_endpoint_auth_methods_supported: methodsAtTheTokenEndpoint(settings),
      introspection_endpoint_auth_methods_supported: methodsAtTheTokenEndpoint(settings).slice(1),
    },
    features: {
      devInteractions: { enabled: false },
      // Tokens bound to a key cannot be used over SASL, which has nowhere to put the proof.
      dPoP: { enabled: false },
      userinfo: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      mTLS: mutualTls(settings, authorities),
      clientCredentials: { enabled: true },
      deviceFlow: deviceGrant.feature,
      introspection: { enabled: true, allowedPolicy: mayIntrospect },
      revocation: { enabled: true, allowedPolicy: mayRevoke },
      resourceIndicators: resourceIndicators(service, settings.clients, freshStart),
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx) => pages.signOut(ctx),
        postLogoutSuccessSource: (ctx) => pages.signedOut(ctx),
      },
    },
    renderError: (ctx, out, error) => pages.error(ctx, out, error),
  };
}

function methodsAtTheTokenEndpoint(settings: AuthorizationSettings): ClientAuthMethod[] {
  const methods: ClientAuthMethod[] = [
    'none',
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
  ];
  if (settings.reverseProxy?.clientCertificateHeader === undefined) return methods;
  methods.push('self_signed_tls_client_auth');
  return settings.clientAuthorities === undefined ? methods : [...methods, 'tls_client_auth'];
}

// The prefixes keep other hosts of the domain from planting a cookie (RFC 6265bis §4.1.3). Two of them are bound to a path,
// for sign-ins in several tabs; __Host- has no room for that.
function cookies({ settings, cookieKeys }: ProviderOptions): Configuration {
  const secure = settings.issuer.startsWith('https:') ? '__Secure-' : '';
  return {
    cookies: {
      keys: [...cookieKeys],
      names: {
        session: sessionCookie(settings.issuer),
        interaction: `${secure}postern_interaction`,
        resume: `${secure}postern_resume`,
      },
      long: { httpOnly: true, sameSite: 'lax', signed: true },
      short: { httpOnly: true, sameSite: 'lax', signed: true },
    },
  };
}

function policy({ settings, accounts, consents, origins, freshStart }: ProviderOptions): Configuration {
  return {
    // RFC 9700 §2.1.1: also for clients with a secret.
    pkce: { required: () => true },
    // RFC 9700 §2.1: compared as a whole, never guessed.
    allowOmittingSingleRegisteredRedirectUri: false,
    // RFC 9700 §4.14.2.
    rotateRefreshToken: true,
    // The endpoints for programs take no cookie, so a page of another origin has nothing to borrow there; but programs built
    // on a browser engine write Origin, and would be refused. A device has no browser: a page that asks for a code in the victim's
    // would have it come from the victim's own network, and look near to who is asked to confirm it (RFC 8628 §5.4).
    clientBasedCORS: ({ oidc }) => oidc.route !== 'device_authorization',
    assertJwtClientAuthClaimsAndHeader: checkClientAssertion,
    ttl: lifetimes(settings),
    async findAccount(_ctx, accountId, source) {
      // See fresh-start.ts: what a code or refresh token rests on may have ended while it was made.
      const { authTime } = (source ?? {}) as { readonly authTime?: number };
      if (authTime !== undefined && freshStart.isOver(accountId, authTime)) return undefined;
      return knownAccount(accounts, accountId);
    },
    loadExistingGrant: grantLoader(consents, origins),
    extraParams: { postern_scope: settleScope, [SENDER]: noteSender },
    interactions: {
      policy: promptPolicy(freshStart),
      url: (_ctx, interaction) => interactionPath(interaction.uid),
    },
  };
}

async function checkClient(provider: Provider, clientId: string): Promise<void> {
  try {
    await provider.Client.find(clientId);
  } catch (cause) {
    const detail = cause instanceof Error && 'error_description' in cause ? cause.error_description : cause;
    throw new Error(`client ${clientId} cannot be used: ${String(detail)}`, { cause });
  }
}
