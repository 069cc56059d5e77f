// What a program on a person's machine does with Postern's issuer: sign in, refresh, revoke, or fetch an app's token.

import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  clientCredentialsGrant,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  refreshTokenGrant,
  type TokenEndpointResponse,
  type TokenEndpointResponseHelpers,
  tokenRevocation,
} from 'openid-client';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import type { Secret } from '../setting.ts';
import { type DeviceSignInRequest, signInByDevice } from './device-sign-in.ts';
import { configure, discover, type Registration } from './discovery.ts';
import { type Denied, isDenied, oauthErrorOf, refusalFor } from './failure.ts';
import { type LoopbackAnswer, openLoopbackRedirect } from './loopback-redirect.ts';

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  /** Seconds since the epoch; undefined where the issuer does not say. */
  readonly expiresAt: number | undefined;
  /** What was granted, which may be less than what was asked for. */
  readonly scope: string;
  /** `email` of the id_token, where there is one. */
  readonly address: string | undefined;
}

type TokenResponse = TokenEndpointResponse & TokenEndpointResponseHelpers;

export interface NativeClient {
  /**
   * Signs a person in: calls `open` with the address for the browser and waits on a loopback port for the answer.
   * `token-missing` where nobody came back in time.
   */
  signIn(request: {
    readonly scope: string;
    readonly open: (url: URL) => void;
    /** How long the person may take, milliseconds. */
    readonly patience: number;
  }): Promise<Tokens | Denied | Refusal>;
  /** The same without a browser on this machine: the person enters a code in one elsewhere (RFC 8628). */
  signInByDevice(request: DeviceSignInRequest): Promise<Tokens | Denied | Refusal>;
  /** `token-revoked` where the issuer does not take the refresh token any more (invalid_grant). */
  refresh(request: { readonly refreshToken: string; readonly scope: string }): Promise<Tokens | Refusal>;
  /** Ends the refresh token (RFC 7009), where the issuer offers that. */
  revoke(refreshToken: string): Promise<'revoked' | 'not-offered' | Refusal>;
  /** A token for the app itself, by its own secret (RFC 6749 §4.4). */
  clientCredentials(request: { readonly scope: string }): Promise<Tokens | Refusal>;
}

/** Metadata are fetched at the first use and kept. Http is spoken with this machine only. */
export function createNativeClient(options: {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: Secret | undefined;
  /** Limit for one request, milliseconds. */
  readonly timeout: number;
  /** Milliseconds. */
  readonly now?: () => number;
}): NativeClient {
  const { now = Date.now } = options;
  const registration: Registration = { ...options, plainHttp: 'loopback' };
  let found: Promise<Configuration | Refusal> | undefined;

  async function use<T>(
    step: string,
    run: (configuration: Configuration) => Promise<T>,
  ): Promise<T | Refusal> {
    found ??= discover(registration).then((metadata) =>
      isRefusal(metadata) ? metadata : configure(metadata, registration),
    );
    const configuration = await found;
    if (isRefusal(configuration)) return configuration;
    try {
      return await run(configuration);
    } catch (error) {
      return refusalFor(error, step);
    }
  }

  return {
    async signIn({ scope, open, patience }) {
      const result = await use('sign-in', (configuration) => signIn(configuration, scope, open, patience));
      return isRefusal(result) || isDenied(result) ? result : tokensOf(result, scope, now());
    },

    async signInByDevice(request) {
      const result = await use('sign-in', (configuration) => signInByDevice(configuration, request));
      return isRefusal(result) || isDenied(result) ? result : tokensOf(result, request.scope, now());
    },

    async refresh({ refreshToken, scope }) {
      const result = await use('refresh', async (configuration) => {
        try {
          return await refreshTokenGrant(configuration, refreshToken);
        } catch (error) {
          if (oauthErrorOf(error) !== 'invalid_grant') throw error;
          return refuse('token-revoked', 'refresh: the issuer answered invalid_grant');
        }
      });
      return isRefusal(result) ? result : tokensOf(result, scope, now());
    },

    revoke: (refreshToken) =>
      use('revocation', async (configuration) => {
        if (configuration.serverMetadata().revocation_endpoint === undefined) return 'not-offered';
        await tokenRevocation(configuration, refreshToken, { token_type_hint: 'refresh_token' });
        return 'revoked';
      }),

    async clientCredentials({ scope }) {
      const result = await use('token', (configuration) => clientCredentialsGrant(configuration, { scope }));
      return isRefusal(result) ? result : tokensOf(result, scope, now());
    },
  };
}

async function signIn(
  configuration: Configuration,
  scope: string,
  open: (url: URL) => void,
  patience: number,
): Promise<TokenResponse | Denied | Refusal> {
  const state = randomState();
  const nonce = scope.split(' ').includes('openid') ? randomNonce() : undefined;
  const codeVerifier = randomPKCECodeVerifier();
  const redirect = await openLoopbackRedirect(state);
  try {
    const url = buildAuthorizationUrl(configuration, {
      redirect_uri: redirect.redirectUri,
      scope,
      state,
      code_challenge: await calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
      ...(nonce === undefined ? {} : { nonce }),
    });
    open(url);
    const answer = await redirect.wait(patience);
    if (answer === undefined)
      return refuse('token-missing', 'sign-in: nobody finished it in the browser in time');
    return await redeem(configuration, answer, {
      expectedState: state,
      pkceCodeVerifier: codeVerifier,
      ...(nonce === undefined ? {} : { expectedNonce: nonce }),
    });
  } finally {
    await redirect.close();
  }
}

/** Exchanges the code while the browser waits, so that its page tells how it went. */
async function redeem(
  configuration: Configuration,
  answer: LoopbackAnswer,
  checks: Parameters<typeof authorizationCodeGrant>[2],
): Promise<TokenResponse | Denied | Refusal> {
  try {
    const tokens = await authorizationCodeGrant(configuration, answer.url, checks);
    await answer.reply('signedIn');
    return tokens;
  } catch (error) {
    const isNo = error instanceof AuthorizationResponseError && error.error === 'access_denied';
    await answer.reply(isNo ? 'denied' : 'failed');
    if (isNo) return { denied: true };
    throw error;
  }
}

function tokensOf(response: TokenResponse, askedScope: string, now: number): Tokens | Refusal {
  // RFC 6750 §2.1: what stands in a Bearer header, and on the one line that a mail program reads.
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(response.access_token)) {
    return refuse(
      'token-malformed',
      'the issuer sent an access token with characters that no token may have',
    );
  }
  // RFC 9449 §5: a DPoP-bound token cannot be shown by a mail program.
  if (response.token_type !== 'bearer') {
    return refuse('token-bound', 'the issuer sent a token that is not a bearer token');
  }
  const expiresAt = Math.floor(now / 1000 + (response.expires_in ?? Number.NaN));
  const address = response.claims()?.['email'];
  return {
    accessToken: response.access_token,
    refreshToken: response.refresh_token,
    expiresAt: Number.isSafeInteger(expiresAt) ? expiresAt : undefined,
    scope: response.scope ?? askedScope,
    address: typeof address === 'string' && /^[^\s\x00-\x1f\x7f]{3,254}$/.test(address) ? address : undefined,
  };
}
