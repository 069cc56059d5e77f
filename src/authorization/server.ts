// Owns the composition of the browser's door: builds its parts, listens, closes.

import type { FastifyInstance } from 'fastify';
import type { RelyingParty } from '../relying-party/identity-provider.ts';
import type { Keyring } from '../token/keys/keyring.ts';
import type { TokenSettings } from '../token/settings.ts';
import type { Revocations } from '../token/withdrawal/revocations.ts';
import { type Access, createAccess } from './access/access.ts';
import { createFreshStart } from './access/fresh-start.ts';
import { createOrigins } from './access/origins.ts';
import { registerAccount } from './account-routes.ts';
import { clientMetadata } from './clients.ts';
import { createDeviceGrant } from './device/grant.ts';
import { createDevicePages } from './device/pages.ts';
import { type Door, watchIdentityProvider } from './door.ts';
import type { AuthorizationEvents } from './events.ts';
import { createFloodGate } from './flood.ts';
import { createHttp, mountProvider } from './http.ts';
import { registerCallback } from './interaction/callback-route.ts';
import { createConsentMemory } from './interaction/consents.ts';
import { registerInteractions } from './interaction/routes.ts';
import { createSignIn } from './interaction/sign-in.ts';
import { openCookieKeys, openIdentifierKeys } from './kept-keys.ts';
import { openAuthoritiesFile } from './mutual-tls/authorities-file.ts';
import { isForDevices, OAUTH_ROUTES } from './oauth-routes.ts';
import { createOpenClients } from './open-clients/clients.ts';
import { createDocumentFetch, type FetchDocument } from './open-clients/document-fetch.ts';
import { createDocuments } from './open-clients/documents.ts';
import { createIdentifiers } from './open-clients/identifier.ts';
import { registerRegistration } from './open-clients/registration-route.ts';
import type { Site } from './pages/document.ts';
import { registerProtectedResource } from './protected-resource.ts';
import { createGrantEnder } from './provider/grant-end.ts';
import { createOpaqueTokens } from './provider/opaque-tokens.ts';
import { createOwnTokens, type IdentifyOwnToken } from './provider/own-tokens.ts';
import { createProviderPages } from './provider/pages.ts';
import { createProviderHost } from './provider/provider.ts';
import { createRefreshGrace } from './provider/refresh-grace.ts';
import type { AuthorizationSettings } from './settings.ts';
import { registerSignals } from './signals/signals.ts';
import type { AccountStore, ArtifactStore } from './stores.ts';

export interface AuthorizationServerOptions {
  readonly settings: AuthorizationSettings;
  readonly token: TokenSettings;
  /** Host name of the submission service: pages show it, and it may stand for the audience in `resource`. */
  readonly hostname: string;
  readonly keyring: Keyring;
  readonly revocations: Revocations;
  readonly accounts: AccountStore;
  readonly artifacts: ArtifactStore;
  readonly audit: AuthorizationEvents;
  /** Made with {@link signInRedirectUri} as its redirect URI. */
  readonly identityProvider: RelyingParty;
  /** Reads Postern's own access tokens for revocation and introspection; see {@link identifyByVerifier}. */
  readonly identifyOwnToken: IdentifyOwnToken;
  /** Milliseconds since the epoch; for what comes from outside. */
  readonly now?: () => number;
  /** Waits for so many milliseconds, where the second of a revocation has to pass. */
  readonly pause?: (milliseconds: number) => Promise<void>;
  readonly fetch?: typeof globalThis.fetch;
  /** For the documents that programs have about themselves. */
  readonly fetchDocument?: FetchDocument;
}

export interface AuthorizationServer {
  /** Routes may be added until it listens. */
  readonly app: FastifyInstance;
  /** Ends access at its source; for the operator's tools. */
  readonly access: Access;
  /** Rejects with the system's error where the address cannot be had. */
  listen(): Promise<void>;
  /** Reads at once the files that may change while it runs. */
  reload(): Promise<void>;
  /** Waits for requests in flight. */
  close(): Promise<void>;
}

/** How often expired sessions, codes and the like are swept out, milliseconds. */
const SWEEP_INTERVAL = 600_000;

/** Rejects where a client's key file cannot be read or a client does not fit, with a message that names it. */
export async function createAuthorizationServer(
  options: AuthorizationServerOptions,
): Promise<AuthorizationServer> {
  const { settings, token, hostname, keyring, revocations, accounts, artifacts } = options;
  const { audit: events, identityProvider, now, fetch } = options;
  const issuer = new URL(settings.issuer);
  const site: Site = { hostname, identityProvider: nameOf(settings.identityProvider) };
  const consents = createConsentMemory({ artifacts, lifetime: settings.grantLifetime });
  const tokenLifetime = settings.accessTokenLifetime + token.leeway;
  const origins = createOrigins({ ...settings, artifacts, now });
  const freshStart = createFreshStart({
    revocations,
    origins,
    issuer: settings.issuer,
    now,
    pause: options.pause,
  });
  const { registration, clientMetadataDocuments } = settings;
  const service = { audience: token.audience, hostname };
  const clients = await clientMetadata(settings.clients, { deviceGrant: settings.deviceGrant.enabled });
  const identifiers = createIdentifiers(await openIdentifierKeys(artifacts));
  const openClients = createOpenClients({
    registration,
    identifiers,
    documents: createDocuments({
      settings: clientMetadataDocuments,
      fetch: options.fetchDocument ?? createDocumentFetch(clientMetadataDocuments),
      ownHost: issuer.hostname,
      now,
    }),
    deviceGrant: settings.deviceGrant.enabled,
    configured: clients.map((client) => client.client_id),
  });
  const authorities = settings.clientAuthorities
    ? await openAuthoritiesFile({ file: settings.clientAuthorities, events, now })
    : undefined;
  const provider = await createProviderHost({
    settings,
    authorities: authorities?.current,
    service,
    clients,
    openClients,
    cookieKeys: await openCookieKeys(artifacts),
    keyring,
    accounts,
    artifacts,
    consents,
    origins,
    freshStart,
    events,
    refreshGrace: createRefreshGrace({ artifacts, grace: settings.refreshTokenGrace }),
    endGrant: createGrantEnder({ revocations, consents, accounts, events, tokenLifetime }),
    ownTokens: createOwnTokens({
      identify: options.identifyOwnToken,
      opaque: createOpaqueTokens({ ...settings, artifacts }),
      revocations,
      issuer: settings.issuer,
      audience: token.audience,
      leeway: token.leeway,
      events,
    }),
    deviceGrant: createDeviceGrant({
      settings: settings.deviceGrant,
      issuer: settings.issuer,
      pages: createDevicePages({ site, openClients, grantLifetime: settings.grantLifetime }),
      events,
    }),
    apps: new Map(settings.clients.map(({ clientId, sendAs }) => [clientId, sendAs[0] ?? clientId])),
    pages: createProviderPages({ site, identityProvider }),
  });
  const door: Door = {
    issuer,
    site,
    provider,
    openClients,
    signIn: createSignIn({
      artifacts,
      accounts,
      identityProvider,
      identity: settings.identityProvider.identity,
      domains: settings.identityProvider.domains,
      require: settings.identityProvider.require,
    }),
    identityProviderHealth: watchIdentityProvider(settings.identityProvider.issuer, events),
    consents,
    origins,
    freshStart,
    grantLifetime: settings.grantLifetime,
    accounts,
    events,
  };
  const app = await createHttp({ issuer, site, proxies: settings.reverseProxy?.from ?? [], events });
  const routes = OAUTH_ROUTES.filter((route) => settings.deviceGrant.enabled || !isForDevices(route));
  await mountProvider(app, { provider, routes, issuer, site, flood: createFloodGate() });
  await registerRegistration(app, {
    identifiers,
    mode: registration.mode,
    rules: {
      redirectPatterns: registration.redirectPatterns,
      deviceGrant: settings.deviceGrant.enabled,
    },
    events,
  });
  registerProtectedResource(app, { service, issuer: settings.issuer });
  registerInteractions(app, door);
  registerCallback(app, door);
  registerAccount(app, door);
  const access = createAccess({
    artifacts,
    accounts,
    revocations,
    consents,
    origins,
    events,
    issuer: settings.issuer,
    trustedIssuers: token.trustedIssuers.map((trusted) => trusted.issuer),
    clients: settings.clients.map(({ clientId }) => clientId),
    tokenLifetime,
    sessionLifetime: settings.sessionLifetime,
    now,
  });
  const signals = await registerSignals(app, { settings, token, access, artifacts, events, now, fetch });
  const sweep = setInterval(() => {
    artifacts.removeExpired(Math.floor(Date.now() / 1000)).catch((error: unknown) => {
      events.fault({ where: 'authorization sweep', error });
    });
  }, SWEEP_INTERVAL).unref();

  return {
    app,
    access,
    async listen() {
      // An empty host is every address, of both families where there are two.
      await app.listen({ host: settings.listen.host, port: settings.listen.port });
      signals.start();
    },
    reload: async () => authorities?.reload(),
    async close() {
      clearInterval(sweep);
      authorities?.close();
      await signals.close();
      await app.close();
      provider.close();
    },
  };
}

function nameOf(identityProvider: AuthorizationSettings['identityProvider']): string {
  return identityProvider.name ?? new URL(identityProvider.issuer).host;
}
