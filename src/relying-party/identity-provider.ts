// Signs people in at the organisation's identity provider: authorization code with PKCE, state and nonce.

import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  type ServerMetadata,
} from 'openid-client';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import type { Secret } from '../setting.ts';
import { configure, discover, type Registration } from './discovery.ts';
import { type Denied, isDenied, refusalFor } from './failure.ts';
import { createMetadataCache, type MetadataCache } from './metadata-cache.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';

export type { Denied } from './failure.ts';
export { isDenied } from './failure.ts';

/** What the sign-in needs of the operator's settings; `authorization.identityProvider` has this shape. */
export interface IdentityProviderSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: Secret;
  readonly scopes: readonly string[];
  readonly identity: {
    readonly addresses: readonly string[];
    readonly requireVerified: boolean;
    readonly groups?: string;
  };
  /** Limit for one request, milliseconds. */
  readonly timeout: number;
  readonly allowInsecureHttp: boolean;
}

export interface StartedSignIn {
  /** Where the browser goes. */
  readonly url: URL;
  /** Comes back as `state`; finds what was saved. */
  readonly state: string;
  /** JSON for the store: state, nonce and code verifier. To be used once. */
  readonly saved: string;
}

export interface SignedIn {
  readonly issuer: string;
  readonly subject: string;
  /** Claims of the id_token, and of userinfo where the id_token lacked the configured ones. */
  readonly claims: Record<string, unknown>;
  /** `sid`, by which a back-channel logout names this session. */
  readonly sessionId?: string;
}

export interface RelyingParty {
  /** Refuses with `issuer-unavailable` while the identity provider is down. */
  start(request: { readonly loginHint?: string | undefined }): Promise<StartedSignIn | Refusal>;
  /** `callbackUrl` is where the browser came back to; only its query counts. */
  finish(answer: { readonly callbackUrl: URL; readonly saved: string }): Promise<SignedIn | Denied | Refusal>;
  /** True where the identity provider answered within the last minute, or does now. Asks at most once a minute. */
  ready(): Promise<boolean>;
  /** Where the browser goes to end the session there; undefined where that is not offered or not yet known. */
  endSessionUrl(request: { readonly postLogoutRedirectUri?: string | undefined }): URL | undefined;
}

const READY_AGE = 60_000;
const MAX_LOGIN_HINT = 254;

/** Nothing is fetched before the first call: Postern starts while the identity provider is down. */
export function createIdentityProvider(options: {
  readonly settings: IdentityProviderSettings;
  /** Registered there for Postern. */
  readonly redirectUri: string;
  /** Milliseconds. */
  readonly now?: () => number;
}): RelyingParty {
  const { settings, redirectUri, now = Date.now } = options;
  const plainHttp = settings.allowInsecureHttp ? 'anywhere' : 'never';
  const registration: Registration = { ...settings, plainHttp };
  const cache = createMetadataCache({ load: () => discover(registration), now });
  const party: Party = { settings, redirectUri, registration, cache, keys: createSigningKeys() };
  return {
    start: ({ loginHint }) => start(party, loginHint),
    finish: ({ callbackUrl, saved }) => finish(party, callbackUrl, saved),
    ready: async () => !isRefusal(await cache.getNewerThan(READY_AGE)),
    endSessionUrl: ({ postLogoutRedirectUri }) => endSessionUrl(party, postLogoutRedirectUri),
  };
}

interface Party {
  readonly settings: IdentityProviderSettings;
  readonly redirectUri: string;
  readonly registration: Registration;
  readonly cache: MetadataCache;
  readonly keys: SigningKeys;
}

async function start(party: Party, loginHint: string | undefined): Promise<StartedSignIn | Refusal> {
  const metadata = await party.cache.get();
  if (isRefusal(metadata)) return metadata;
  const saved: Saved = { state: randomState(), nonce: randomNonce(), codeVerifier: randomPKCECodeVerifier() };
  const url = buildAuthorizationUrl(configure(metadata, party.registration), {
    redirect_uri: party.redirectUri,
    scope: party.settings.scopes.join(' '),
    state: saved.state,
    nonce: saved.nonce,
    code_challenge: await calculatePKCECodeChallenge(saved.codeVerifier),
    code_challenge_method: 'S256',
    ...(isFitHint(loginHint) ? { login_hint: loginHint } : {}),
  });
  return { url, state: saved.state, saved: JSON.stringify(saved) };
}

async function finish(party: Party, callbackUrl: URL, text: string): Promise<SignedIn | Denied | Refusal> {
  const saved = parseSaved(text);
  if (saved === undefined)
    return refuse('token-identity', 'sign-in: what was saved at its start is not readable');
  const metadata = party.cache.peek() ?? (await party.cache.get());
  if (isRefusal(metadata)) return metadata;
  const tokens = await exchange(party, metadata, 'sign-in', (configuration) =>
    redeem(configuration, answerAt(party.redirectUri, callbackUrl), saved),
  );
  if (isRefusal(tokens) || isDenied(tokens)) return tokens;
  const idToken = tokens.claims();
  if (idToken === undefined) return refuse('token-missing', 'sign-in: the answer holds no id_token');
  if (!lacksClaims(idToken, party.settings) || metadata.userinfo_endpoint === undefined) {
    return signedIn(idToken, {});
  }
  const more = await exchange(party, metadata, 'userinfo', (configuration) =>
    fetchUserInfo(configuration, tokens.access_token, idToken.sub),
  );
  return isRefusal(more) ? more : signedIn(idToken, more);
}

/** Behind a reverse proxy the address Postern sees may differ from the registered one, to which the code is bound. */
function answerAt(redirectUri: string, callbackUrl: URL): URL {
  const answer = new URL(redirectUri);
  answer.search = callbackUrl.search;
  return answer;
}

/** Checks `state` and `iss` (RFC 9207), exchanges the code, checks the id_token and its nonce. */
async function redeem(configuration: Configuration, answer: URL, saved: Saved) {
  try {
    return await authorizationCodeGrant(configuration, answer, {
      expectedState: saved.state,
      expectedNonce: saved.nonce,
      pkceCodeVerifier: saved.codeVerifier,
    });
  } catch (error) {
    if (error instanceof AuthorizationResponseError && error.error === 'access_denied') return DENIED;
    throw error;
  }
}

/** Runs one exchange; a failure to reach the issuer makes the next sign-in ask for its health first. */
async function exchange<T>(
  party: Party,
  metadata: ServerMetadata,
  step: string,
  run: (configuration: Configuration) => Promise<T>,
): Promise<T | Refusal> {
  const configuration = configure(metadata, party.registration);
  party.keys.lend(configuration);
  try {
    const result = await run(configuration);
    party.cache.reached();
    return result;
  } catch (error) {
    const refusal = refusalFor(error, step);
    if (refusal.code === 'issuer-unavailable') party.cache.suspect();
    return refusal;
  } finally {
    party.keys.keep(configuration);
  }
}

function endSessionUrl(party: Party, postLogoutRedirectUri: string | undefined): URL | undefined {
  const metadata = party.cache.peek();
  if (metadata === undefined || !URL.canParse(metadata.end_session_endpoint ?? '')) return undefined;
  const parameters: Record<string, string> =
    postLogoutRedirectUri === undefined ? {} : { post_logout_redirect_uri: postLogoutRedirectUri };
  return buildEndSessionUrl(configure(metadata, party.registration), parameters);
}

const DENIED: Denied = { denied: true };

interface Saved {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

function parseSaved(text: string): Saved | undefined {
  try {
    const { state, nonce, codeVerifier } = JSON.parse(text) as Record<keyof Saved, unknown>;
    if (typeof state !== 'string' || typeof nonce !== 'string' || typeof codeVerifier !== 'string')
      return undefined;
    return { state, nonce, codeVerifier };
  } catch {
    return undefined;
  }
}

function isFitHint(hint: string | undefined): hint is string {
  return hint !== undefined && hint.length <= MAX_LOGIN_HINT && /^[\x21-\x7e]+$/.test(hint);
}

/** OpenID Connect Core §5.4: with the code flow the claims of scopes may come from userinfo only. */
function lacksClaims(claims: Readonly<Record<string, unknown>>, settings: IdentityProviderSettings): boolean {
  const { addresses, requireVerified, groups } = settings.identity;
  const wanted = [...addresses];
  if (requireVerified && addresses.includes('email')) wanted.push('email_verified');
  if (groups !== undefined) wanted.push(groups);
  return wanted.some((name) => claims[name] === undefined);
}

/**
 * The signed id_token wins where both speak. `email_verified` is about the address beside it (OpenID Connect Core §5.1): said of
 * one it proves nothing of another.
 */
function signedIn(
  idToken: { readonly iss: string; readonly sub: string; readonly [claim: string]: unknown },
  more: Readonly<Record<string, unknown>>,
): SignedIn {
  const sessionId = idToken['sid'];
  const [signed, said] = [idToken['email'], more['email']];
  const { email_verified: _ofAnother, ...others } = more;
  const isOfAnother = signed !== undefined && said !== undefined && signed !== said;
  return {
    issuer: idToken.iss,
    subject: idToken.sub,
    claims: { ...(isOfAnother ? others : more), ...idToken },
    ...(typeof sessionId === 'string' ? { sessionId } : {}),
  };
}
