// Owns the browser's door set up for tests: real keys, revocations and verifier, stores in memory, a stand-in identity
// provider, and requests carried without a socket.

import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InjectOptions } from 'fastify';
import { vi } from 'vitest';
import type { AuthorizationEvents } from '../../src/authorization/events.ts';
import { signInRedirectUri } from '../../src/authorization/interaction/sign-in.ts';
import { DocumentFailed, type FetchDocument } from '../../src/authorization/open-clients/document-fetch.ts';
import { createOpaqueTokens } from '../../src/authorization/provider/opaque-tokens.ts';
import { identifyByVerifier } from '../../src/authorization/provider/own-tokens.ts';
import { type AuthorizationServer, createAuthorizationServer } from '../../src/authorization/server.ts';
import type { AuthorizationSettings, ClientSettings } from '../../src/authorization/settings.ts';
import type { RelyingParty } from '../../src/relying-party/identity-provider.ts';
import { Secret } from '../../src/setting.ts';
import { type Keyring, openKeyring } from '../../src/token/keys/keyring.ts';
import type { TokenSettings } from '../../src/token/settings.ts';
import { createTokenVerifier, type TokenVerifier } from '../../src/token/verifier.ts';
import type { RevocationStore } from '../../src/token/withdrawal/revocation-store.ts';
import { openRevocations, type Revocations } from '../../src/token/withdrawal/revocations.ts';
import { type Answer, type Browser, createBrowser, type Transport } from './authorization-browser.ts';
import {
  type FakeIdentityProvider,
  fakeIdentityProvider,
  IDENTITY_PROVIDER,
} from './authorization-identity-provider.ts';
import {
  type MemoryAccounts,
  type MemoryArtifacts,
  memoryAccounts,
  memoryArtifacts,
  memoryKeys,
  memoryRevocations,
} from './authorization-stores.ts';

export const MAIL = 'urn:ietf:params:oauth:scope:mail';
export const HOSTNAME = 'mail.example.org';
export const AUDIENCE = 'https://mail.example.org';

export interface Recorded {
  readonly name: keyof AuthorizationEvents;
  readonly fields: Record<string, unknown>;
}

export interface TestDoor {
  readonly issuer: string;
  readonly server: AuthorizationServer;
  readonly identityProvider: FakeIdentityProvider;
  readonly accounts: MemoryAccounts;
  readonly artifacts: MemoryArtifacts;
  readonly keyring: Keyring;
  readonly revocations: Revocations;
  readonly verifier: TokenVerifier;
  readonly events: Recorded[];
  eventsNamed(name: keyof AuthorizationEvents): Record<string, unknown>[];
  readonly transport: Transport;
  newBrowser(): Browser;
  /** Sends a form to an endpoint for programs; basic authentication where a secret is given. */
  call(
    path: string,
    form: Record<string, string>,
    client?: { id: string; secret: string },
  ): Promise<{ status: number; headers: Headers; json: Record<string, unknown> }>;
  close(): Promise<void>;
}

export const APP: ClientSettings = {
  clientId: 'billing-app',
  name: 'Billing',
  clientSecret: new Secret('billing-app-secret-0123456789'),
  redirectUris: [],
  sendAs: ['billing@example.org'],
};

export const WEB_APP: ClientSettings = {
  clientId: 'web-app',
  name: 'Web mail',
  clientSecret: new Secret('web-app-secret-0123456789'),
  redirectUris: ['https://webmail.example.org/callback'],
  sendAs: [],
};

export const MAIL_PROGRAM: ClientSettings = {
  clientId: 'mail-program',
  name: 'Mail Program',
  redirectUris: ['http://127.0.0.1', 'http://localhost', 'org.example.mail:/callback'],
  sendAs: [],
};

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export function testSettings(changes: Partial<AuthorizationSettings> = {}): AuthorizationSettings {
  return {
    issuer: 'https://mail.example.org',
    listen: { host: '127.0.0.1', port: 0 },
    identityProvider: {
      issuer: IDENTITY_PROVIDER,
      clientId: 'postern',
      scopes: ['openid', 'email', 'profile'],
      name: 'Example Login',
      identity: { addresses: ['email'], requireVerified: true },
      timeout: 5000,
      allowInsecureHttp: false,
    },
    clients: [APP, WEB_APP, MAIL_PROGRAM],
    registration: { mode: 'open', redirectPatterns: ['loopback', 'private-use'] },
    clientMetadataDocuments: {
      mode: 'open',
      redirectPatterns: ['loopback', 'private-use'],
      hosts: [],
      privateHosts: [],
    },
    accessTokenLifetime: 15 * MINUTE,
    refreshTokenLifetime: 90 * DAY,
    refreshTokenGrace: 0,
    grantLifetime: 365 * DAY,
    sessionLifetime: DAY / 2,
    deviceGrant: { enabled: true, codeLifetime: 15 * MINUTE, interval: 5000 },
    backChannelLogout: { endMailSessions: true },
    sharedSignals: [],
    ...changes,
  };
}

export function testTokenSettings(): TokenSettings {
  return {
    audience: AUDIENCE,
    leeway: MINUTE,
    trustedIssuers: [],
    jwks: { refreshInterval: 60 * MINUTE, cooldown: MINUTE / 2, timeout: 5000 },
    cacheSize: 100,
    signingKeys: { rotateEvery: 30 * DAY, publishAhead: DAY },
  };
}

/** What outlives a restart. */
export type Kept = Pick<TestDoor, 'artifacts' | 'accounts'> & {
  readonly keys: ReturnType<typeof memoryKeys>;
};

export function newKept(): Kept {
  return { artifacts: memoryArtifacts(), accounts: memoryAccounts(), keys: memoryKeys() };
}

export async function openTestDoor(
  changes: Partial<AuthorizationSettings> = {},
  options: {
    readonly kept?: Kept;
    /** Of another node that shares it. */
    readonly revocationStore?: RevocationStore;
    readonly identityProvider?: RelyingParty;
    readonly trustedIssuers?: TokenSettings['trustedIssuers'];
    /** For keys of the identity provider and of transmitters, and for polls. */
    readonly fetch?: typeof globalThis.fetch;
    readonly fetchDocument?: FetchDocument;
  } = {},
): Promise<TestDoor> {
  const { artifacts, accounts, keys } = options.kept ?? newKept();
  const settings = testSettings(changes);
  const token = { ...testTokenSettings(), trustedIssuers: options.trustedIssuers ?? [] };
  const keyring = await openKeyring({
    store: keys,
    settings: token.signingKeys,
    maxTokenLifetime: settings.accessTokenLifetime,
  });
  const revocations = await openRevocations({ store: options.revocationStore ?? memoryRevocations() });
  const apps = new Map(settings.clients.map(({ clientId, sendAs }) => [clientId, sendAs]));
  const verifier = createTokenVerifier({
    settings: token,
    own: {
      issuer: settings.issuer,
      keyring,
      accounts,
      domains: settings.identityProvider.domains,
      apps,
      opaque: createOpaqueTokens({ ...settings, artifacts }),
    },
    revocations,
    ...(options.fetch && { fetch: options.fetch }),
  });
  const standIn = fakeIdentityProvider(signInRedirectUri(settings.issuer));
  const identityProvider = options.identityProvider ?? standIn;
  const events: Recorded[] = [];
  const server = await createAuthorizationServer({
    settings,
    token,
    hostname: HOSTNAME,
    keyring,
    revocations,
    accounts,
    artifacts,
    audit: recorder(events),
    identityProvider,
    identifyOwnToken: identifyByVerifier(verifier, settings.issuer),
    fetchDocument: options.fetchDocument ?? nothingThere,
    pause,
    ...(options.fetch && { fetch: options.fetch }),
  });
  const transport = injectInto(server);
  return {
    issuer: settings.issuer,
    server,
    identityProvider: standIn,
    accounts,
    artifacts,
    keyring,
    revocations,
    verifier,
    events,
    eventsNamed: (name) => events.filter((event) => event.name === name).map(({ fields }) => fields),
    transport,
    newBrowser: () => createBrowser({ transport, origins: [settings.issuer] }),
    async call(path, form, client) {
      const answer = await transport({
        method: 'POST',
        url: new URL(path, settings.issuer),
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          ...(client === undefined ? {} : { authorization: basic(client) }),
        },
        body: new URLSearchParams(form).toString(),
      });
      return { ...answer, json: answer.text === '' ? {} : JSON.parse(answer.text) };
    },
    async close() {
      await server.close();
      verifier.close();
      revocations.close();
      keyring.close();
    },
  };
}

/** Where a test stops the clock, waiting puts it forward. */
async function pause(milliseconds: number): Promise<void> {
  if (vi.isFakeTimers()) vi.setSystemTime(Date.now() + milliseconds);
  else await sleep(milliseconds);
}

/** No test looks outside of this machine. */
const nothingThere: FetchDocument = () => Promise.reject(new DocumentFailed('answered 404', false));

function recorder(events: Recorded[]): AuthorizationEvents {
  return new Proxy({} as AuthorizationEvents, {
    get: (_target, name) => (fields: Record<string, unknown>) => {
      events.push({ name: name as keyof AuthorizationEvents, fields });
    },
  });
}

function injectInto(server: AuthorizationServer): Transport {
  return async ({ method, url, headers, body }) => {
    const response = await server.app.inject({
      method: method as NonNullable<InjectOptions['method']>,
      url: url.pathname + url.search,
      headers: { host: url.host, ...headers },
      ...(body === undefined ? {} : { payload: body }),
    });
    const answered = new Headers();
    for (const [name, value] of Object.entries(response.headers)) {
      for (const text of [value].flat()) if (text !== undefined) answered.append(name, String(text));
    }
    return { status: response.statusCode, headers: answered, text: response.payload };
  };
}

export function basic({ id, secret }: { id: string; secret: string }): string {
  return `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;
}

export interface Proof {
  readonly verifier: string;
  readonly challenge: string;
}

export function newProof(): Proof {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

export const REDIRECT = 'http://127.0.0.1:51234/callback';

/** An authorization request as a well-made mail program sends it; `undefined` leaves a parameter out. */
export function authorizationUrl(
  door: Pick<TestDoor, 'issuer'>,
  proof: Proof,
  changes: Record<string, string | undefined> = {},
): URL {
  const url = new URL('/auth', door.issuer);
  const parameters = {
    response_type: 'code',
    client_id: 'postern-cli',
    redirect_uri: REDIRECT,
    scope: `${MAIL} offline_access`,
    state: 'state-of-the-client',
    code_challenge: proof.challenge,
    code_challenge_method: 'S256',
    ...changes,
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

/** Comes back from the identity provider, to which `sent` was redirected. */
export function comeBack(browser: Browser, sent: Answer): Promise<Answer> {
  const callback = new URL(sent.url.searchParams.get('redirect_uri') ?? '');
  callback.searchParams.set('state', sent.url.searchParams.get('state') ?? '');
  callback.searchParams.set('code', 'code-of-the-identity-provider');
  return browser.go(callback);
}

/** Signs in and stops at the page that comes next: consent, or a problem. */
export async function goToConsent(browser: Browser, url: URL): Promise<Answer> {
  return comeBack(browser, await browser.go(url));
}

/** Signs in and allows where that is asked for, and returns the address the client is called at. */
export async function signInAndAllow(browser: Browser, url: URL): Promise<URL> {
  const first = await browser.go(url);
  const next = first.url.origin === IDENTITY_PROVIDER ? await comeBack(browser, first) : first;
  if (!next.text.includes('value="allow"')) return next.url;
  return (await browser.press(next, 'answer', 'allow')).url;
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly id_token?: string;
  readonly scope: string;
  readonly expires_in: number;
  readonly token_type: string;
}

export function exchangeCode(
  door: TestDoor,
  answer: URL,
  proof: Proof,
  changes: Record<string, string> = {},
  client?: { id: string; secret: string },
) {
  return door.call(
    '/token',
    {
      grant_type: 'authorization_code',
      code: answer.searchParams.get('code') ?? '',
      redirect_uri: REDIRECT,
      code_verifier: proof.verifier,
      ...(client === undefined ? { client_id: 'postern-cli' } : {}),
      ...changes,
    },
    client,
  );
}

/** The whole way of a new person to tokens. */
export async function obtainTokens(
  door: TestDoor,
  browser: Browser = door.newBrowser(),
  changes: Record<string, string | undefined> = {},
): Promise<Tokens> {
  const proof = newProof();
  const answer = await signInAndAllow(browser, authorizationUrl(door, proof, changes));
  const { status, json } = await exchangeCode(door, answer, proof);
  if (status !== 200) throw new Error(`no tokens: ${JSON.stringify(json)}`);
  return json as unknown as Tokens;
}

export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

export function headerOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
}
