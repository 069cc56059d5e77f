// Signs a person in by a code that they enter in a browser somewhere else (RFC 8628).

import {
  type Configuration,
  type DeviceAuthorizationResponse,
  initiateDeviceAuthorization,
  pollDeviceAuthorizationGrant,
  type TokenEndpointResponse,
  type TokenEndpointResponseHelpers,
} from 'openid-client';
import { type Refusal, refuse } from '../refusal.ts';
import { causeOf, type Denied, oauthErrorOf } from './failure.ts';
import { isAllowed, RequestFailed } from './request.ts';

/** What a person needs to go on in a browser: nothing but printable ASCII, for a terminal shows it. */
export interface DevicePrompt {
  readonly verificationUri: string;
  /** With the code in it, where the issuer offers that. */
  readonly verificationUriComplete: string | undefined;
  readonly userCode: string;
  /** Seconds. */
  readonly expiresIn: number;
}

export interface DeviceSignInRequest {
  readonly scope: string;
  readonly show: (prompt: DevicePrompt) => void;
  /** Told each time the issuer could not be asked, with the reason and the seconds until the next try. */
  readonly troubled: (reason: string, wait: number) => void;
}

/** RFC 8628 §3.2, where the issuer does not say; seconds. */
const DEFAULT_INTERVAL = 5;
const SHORTEST_INTERVAL = 1;
const LONGEST_INTERVAL = 60;
/** Seconds; nobody waits for longer, whatever the issuer says. */
const LONGEST_LIFE = 3600;

/** `token-missing` where nobody answered in time. Throws what openid-client throws, but {@link RequestFailed} while it waits. */
export async function signInByDevice(
  configuration: Configuration,
  { scope, show, troubled }: DeviceSignInRequest,
): Promise<(TokenEndpointResponse & TokenEndpointResponseHelpers) | Denied | Refusal> {
  if (configuration.serverMetadata().device_authorization_endpoint === undefined) {
    return refuse('issuer-unavailable', 'sign-in: the issuer does not offer the device grant');
  }
  const begun = await initiateDeviceAuthorization(configuration, { scope });
  const prompt = promptOf(begun);
  if (prompt === undefined) {
    return refuse(
      'issuer-unavailable',
      'sign-in: the issuer named an address or a code that cannot be shown',
    );
  }
  show(prompt);
  const overAt = performance.now() + prompt.expiresIn * 1000;
  let interval = Math.max(begun.interval ?? DEFAULT_INTERVAL, SHORTEST_INTERVAL);
  for (;;) {
    const left = Math.floor((overAt - performance.now()) / 1000);
    if (left <= interval) return nobodyCame();
    try {
      const signal = AbortSignal.timeout(left * 1000);
      return await pollDeviceAuthorizationGrant(configuration, { ...begun, interval }, undefined, { signal });
    } catch (error) {
      if (oauthErrorOf(error) === 'access_denied') return { denied: true };
      if (oauthErrorOf(error) === 'expired_token' || isTimeUp(error)) return nobodyCame();
      const failed = causeOf(error, RequestFailed);
      if (failed === undefined) throw error;
      // RFC 8628 §3.5: after a connection timeout the client must poll less often; the person is not to blame.
      interval = Math.min(interval * 2, LONGEST_INTERVAL);
      troubled(failed.message, interval);
    }
  }
}

function nobodyCame(): Refusal {
  return refuse('token-missing', 'sign-in: nobody entered the code and allowed it in time');
}

function promptOf(begun: DeviceAuthorizationResponse): DevicePrompt | undefined {
  const verificationUri = addressOf(begun.verification_uri);
  const userCode = begun.user_code;
  // RFC 8628 §3.2 leaves the code to the issuer; control characters could rewrite what the terminal shows.
  if (verificationUri === undefined || !/^[\x21-\x7e]([\x20-\x7e]{0,62}[\x21-\x7e])?$/.test(userCode))
    return undefined;
  const complete = begun.verification_uri_complete;
  return {
    verificationUri,
    verificationUriComplete: complete === undefined ? undefined : addressOf(complete),
    userCode,
    expiresIn: Math.min(begun.expires_in, LONGEST_LIFE),
  };
}

function addressOf(text: string): string | undefined {
  const url = URL.parse(text);
  return url !== null && isAllowed(url, 'loopback') && url.href.length <= 2000 ? url.href : undefined;
}

function isTimeUp(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    if (current.name === 'TimeoutError') return true;
    current = current.cause;
  }
  return false;
}
