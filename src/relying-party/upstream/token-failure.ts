// Turns what went wrong at a token endpoint into a refusal, and says for how long the endpoint is left alone then.

import { ClientError, ResponseBodyError } from 'openid-client';
import { type Refusal, refuse } from '../../refusal.ts';
import { causeOf } from '../failure.ts';
import { RequestFailed } from '../request.ts';
import { tidyPeerText } from './peer-text.ts';

export interface Failed {
  /** `upstream-login`: the endpoint says no. `upstream-unavailable`: it gives no answer that could be used. */
  readonly refusal: Refusal;
  /** How long not to ask again, milliseconds. */
  readonly pause: number;
  /** Whether it concerns every request to the endpoint, and not this mailbox or this user alone. */
  readonly isGeneral: boolean;
  /** RFC 6749 §5.2: `error` of the answer. */
  readonly oauthError?: string;
}

export function isFailed(value: object): value is Failed {
  return 'refusal' in value;
}

// Milliseconds.
const DOWN_PAUSE = 5_000;
const NO_PAUSE = 60_000;
const LONGEST_PAUSE = 300_000;

/** @param secrets what was sent and must not come back in a reason. Throws again what is a fault of ours. */
export function failureOf(error: unknown, where: string, secrets: readonly string[]): Failed {
  const failed = causeOf(error, RequestFailed);
  if (failed !== undefined) return unavailable(failed.message, failed.retryAfter);
  if (error instanceof ResponseBodyError) {
    return saidNo(error.error, error.error_description, where, secrets);
  }
  if (!(error instanceof ClientError) || error.code === undefined) throw error;
  const status = error.cause instanceof Response ? error.cause.status : undefined;
  if (status === 401 || status === 403) {
    return {
      refusal: refuse(
        'upstream-login',
        `${where} answered ${status} without saying why; ${HINTS.invalid_client}`,
      ),
      pause: NO_PAUSE,
      isGeneral: true,
    };
  }
  const found =
    status === undefined || status === 200 ? 'what is no token response' : `${status} without an OAuth error`;
  return unavailable(`${where} answered ${found}; is it the token endpoint?`);
}

/** Nobody there, or nobody who speaks OAuth. */
export function unavailable(reason: string, retryAfter = DOWN_PAUSE): Failed {
  const pause = Math.min(Math.max(retryAfter, DOWN_PAUSE), LONGEST_PAUSE);
  return { refusal: refuse('upstream-unavailable', reason), pause, isGeneral: true };
}

/** The endpoint has answered, and what it gave cannot be used. */
export function unusable(reason: string): Failed {
  return { refusal: refuse('upstream-login', reason), pause: NO_PAUSE, isGeneral: false };
}

const HINTS = {
  invalid_client: 'check clientId and clientSecret or clientKey',
  invalid_grant: 'the grant is not or no longer taken',
  unauthorized_client: 'the client may not use this grant, or not for these scopes and this mailbox',
  invalid_scope: 'check scopes',
  unsupported_grant_type: 'the endpoint does not know this grant',
  invalid_target: 'check audience and resource',
} as const;

const TEMPORARY = new Set(['temporarily_unavailable', 'server_error', 'slow_down']);
const ABOUT_THE_CLIENT = new Set(['invalid_client', 'unsupported_grant_type']);

function saidNo(
  error: string,
  description: string | undefined,
  where: string,
  secrets: readonly string[],
): Failed {
  const isName = /^[A-Za-z_.-]{1,60}$/.test(error) && tidyPeerText(error, secrets) === error;
  const name = isName ? error : 'an unknown error';
  const told = tidyPeerText(description ?? '', secrets);
  const answer = `${where} answered ${name}${told === '' ? '' : `: ${told}`}`;
  if (TEMPORARY.has(error)) return { ...unavailable(answer), oauthError: error };
  const hint = Object.hasOwn(HINTS, error) ? ` (${HINTS[error as keyof typeof HINTS]})` : '';
  return {
    refusal: refuse('upstream-login', answer + hint),
    pause: NO_PAUSE,
    isGeneral: ABOUT_THE_CLIENT.has(error),
    oauthError: error,
  };
}
