// The demo's identity provider: a small OpenID Connect issuer with a sign-in form of its own, on loopback only.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { type ClientMetadata, type Configuration, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Secret, SocketAddress } from '../setting.ts';
import { listenOnLoopback } from './identity-provider-listener.ts';
import { createMemoryAdapter } from './identity-provider-memory.ts';
import { endSessionPage, errorPage, signedOutPage } from './identity-provider-pages.ts';
import { findPerson } from './identity-provider-people.ts';
import { createSignIn, setPageHeaders } from './identity-provider-sign-in.ts';

/** A program that may send people here to sign in. */
export interface DemoClient {
  readonly clientId: string;
  /** Used as `client_secret_basic`; a public client where undefined. */
  readonly clientSecret?: Secret | undefined;
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris?: readonly string[];
  /** Told of sign-outs (OpenID Connect Back-Channel Logout); with it the id_token bears `sid`. */
  readonly backchannelLogoutUri?: string;
}

export interface DemoIdentityProvider {
  readonly issuer: string;
  close(): Promise<void>;
}

const SCOPES = ['openid', 'email', 'profile', 'groups', 'offline_access'];
const HOUR = 3600;

/**
 * Starts the identity provider. `localhost` listens on 127.0.0.1 and ::1; other hosts must be loopback addresses.
 *
 * Throws where the host is not loopback or the port is taken. State and keys live in memory and die with it.
 */
export async function startDemoIdentityProvider(options: {
  readonly listen: SocketAddress;
  /** `http://localhost:PORT` where absent. */
  readonly issuer?: string;
  readonly clients: readonly DemoClient[];
}): Promise<DemoIdentityProvider> {
  let handle: RequestListener = (_request, response) => response.writeHead(503).end();
  const listener = await listenOnLoopback(options.listen, (request, response) => handle(request, response));
  const issuer = options.issuer ?? `http://localhost:${listener.port}`;
  const provider = new Provider(issuer, configuration(options.clients));
  const signIn = createSignIn(provider);
  const protocol = provider.callback();
  handle = (request, response) => {
    // oidc-provider writes its addresses from the Host header; one name for all keeps issuer and cookies together.
    request.headers.host = new URL(issuer).host;
    setPageHeaders(response);
    signIn(request, response)
      .then((handled) => (handled ? undefined : protocol(request, response)))
      .catch(() => {
        if (!response.headersSent) response.writeHead(500);
        response.end('The demo identity provider failed.\n');
      });
  };
  return { issuer, close: listener.close };
}

function configuration(clients: readonly DemoClient[]): Configuration {
  return {
    adapter: createMemoryAdapter(),
    clients: clients.map(clientMetadata),
    jwks: { keys: [signingKey()] },
    scopes: SCOPES,
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'groups'],
      groups: ['groups'],
    },
    findAccount: (_context, subject) => findPerson(subject),
    loadExistingGrant: grantEverything,
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    cookies: {
      // Cookies of localhost are shared by all its ports: these names must differ from Postern's.
      names: {
        session: 'demo_idp_session',
        interaction: 'demo_idp_interaction',
        resume: 'demo_idp_resume',
      },
      keys: [randomBytes(32).toString('base64url')],
    },
    responseTypes: ['code'],
    pkce: { required: () => true },
    clientBasedCORS: () => false,
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: endSessionPage,
        postLogoutSuccessSource: signedOutPage,
      },
    },
    renderError: errorPage,
    ttl: {
      AccessToken: HOUR,
      AuthorizationCode: 60,
      Grant: 12 * HOUR,
      IdToken: HOUR,
      Interaction: HOUR,
      RefreshToken: 12 * HOUR,
      Session: 12 * HOUR,
    },
  };
}

function clientMetadata(client: DemoClient): ClientMetadata {
  return {
    client_id: client.clientId,
    ...(client.clientSecret === undefined
      ? { token_endpoint_auth_method: 'none' }
      : { client_secret: client.clientSecret.reveal() }),
    id_token_signed_response_alg: 'ES256',
    redirect_uris: [...client.redirectUris],
    post_logout_redirect_uris: [...(client.postLogoutRedirectUris ?? [])],
    ...(client.backchannelLogoutUri === undefined
      ? {}
      : {
          backchannel_logout_uri: client.backchannelLogoutUri,
          backchannel_logout_session_required: true,
        }),
  };
}

/** No consent page: whoever signs in here agrees to what the registered client asks for. */
async function grantEverything(context: KoaContextWithOIDC) {
  const { provider, client, session } = context.oidc;
  if (client === undefined || session?.accountId === undefined) return undefined;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(SCOPES.join(' '));
  await grant.save();
  return grant;
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomBytes(8).toString('base64url'), use: 'sig' };
}
