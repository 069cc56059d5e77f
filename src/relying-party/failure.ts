// Turns what openid-client throws into refusals whose reasons hold no code, token or secret.

import {
  AuthorizationResponseError,
  ClientError,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client';
import { type Refusal, type RefusalCode, refuse } from '../refusal.ts';
import { RequestFailed } from './request.ts';

/** The person said no at the issuer: not a fault, and nothing to retry. */
export interface Denied {
  readonly denied: true;
}

export function isDenied(value: unknown): value is Denied {
  return typeof value === 'object' && value !== null && 'denied' in value && value.denied === true;
}

/** The OAuth error code of an issuer's answer (RFC 6749 §5.2), undefined for other errors. */
export function oauthErrorOf(error: unknown): string | undefined {
  if (error instanceof ResponseBodyError) return error.error;
  if (error instanceof AuthorizationResponseError) return error.error;
  if (!(error instanceof WWWAuthenticateChallengeError)) return undefined;
  const named = error.cause.map((challenge) => challenge.parameters.error).find(Boolean);
  // RFC 6749 §5.2: a client that used the Authorization header is answered 401 with a challenge.
  return named ?? (error.status === 401 ? 'invalid_client' : undefined);
}

/**
 * The refusal for an error thrown while talking to an issuer; `step` says what was being done, for the reason.
 *
 * Throws the error again where it is no answer of an issuer but a fault of ours.
 */
export function refusalFor(error: unknown, step: string): Refusal {
  const failed = causeOf(error, RequestFailed);
  if (failed !== undefined) return refuse('issuer-unavailable', `${step}: ${failed.message}`);
  const oauthError = oauthErrorOf(error);
  if (oauthError !== undefined) return refusalForOauthError(oauthError, step);
  if (error instanceof WWWAuthenticateChallengeError) {
    return refuse('issuer-unavailable', `${step}: the issuer answered ${error.status}`);
  }
  if (!(error instanceof ClientError) || error.code === undefined) throw error;
  const detail = innermostMessage(error);
  return refuse(codeFor(error, detail), `${step}: ${detail}`);
}

/** The issuer's error_description is left out: it may echo what was sent, codes and secrets too. */
function refusalForOauthError(oauthError: string, step: string): Refusal {
  const name = /^[a-z_]{1,60}$/.test(oauthError) ? oauthError : 'an unknown error';
  const answer = `${step}: the issuer answered ${name}`;
  switch (oauthError) {
    case 'invalid_grant':
    case 'login_required':
    case 'interaction_required':
    case 'consent_required':
    case 'account_selection_required':
    case 'access_denied':
      return refuse('token-identity', answer);
    case 'invalid_client':
    case 'unauthorized_client':
      return refuse('issuer-unavailable', `${answer}; check the client identifier and its secret`);
    default:
      return refuse('issuer-unavailable', answer);
  }
}

function codeFor(error: ClientError, detail: string): RefusalCode {
  switch (error.code) {
    case 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED':
      return claimOf(error) === 'nbf' ? 'token-not-yet-valid' : 'token-expired';
    case 'OAUTH_JWT_CLAIM_COMPARISON_FAILED':
      return CLAIM_CODES[claimOf(error) ?? ''] ?? 'token-identity';
    case 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED':
      return /issuer/.test(detail) ? 'issuer-unavailable' : 'token-identity';
    case 'OAUTH_KEY_SELECTION_FAILED':
      return 'token-key';
    case 'OAUTH_UNSUPPORTED_OPERATION':
    case 'OAUTH_INVALID_RESPONSE':
    case 'OAUTH_PARSE_ERROR':
      return DETAIL_CODES.find(([pattern]) => pattern.test(detail))?.[1] ?? 'issuer-unavailable';
    default:
      return 'issuer-unavailable';
  }
}

const CLAIM_CODES: Readonly<Record<string, RefusalCode>> = { iss: 'token-issuer', aud: 'token-audience' };

// openid-client has one code for all of these; its messages are constants, and tests hold each of them.
const DETAIL_CODES: readonly (readonly [RegExp, RefusalCode])[] = [
  [/response parameter|only once|no authorization code|hybrid flows/, 'token-identity'],
  [/signature verification failed/, 'token-signature'],
  [/"crit"/, 'token-critical'],
  [/"alg"|JWS algorithm|JWE/, 'token-algorithm'],
  [/"id_token" property/, 'token-missing'],
  [/JWT/, 'token-malformed'],
];

function claimOf(error: ClientError): string | undefined {
  const inner =
    error.cause instanceof Error ? (error.cause.cause as { claim?: unknown } | undefined) : undefined;
  return typeof inner?.claim === 'string' ? inner.claim : undefined;
}

/** The library's own words, one level down; they name what was wrong and hold no value. */
function innermostMessage(error: ClientError): string {
  const inner = error.cause instanceof Error && 'code' in error.cause ? error.cause.message : error.message;
  return inner.replace(/[^\x20-\x7e]/g, '').slice(0, 200);
}

/** The error of that kind that another one was made of. */
export function causeOf<T>(error: unknown, kind: new () => T): T | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    if (current instanceof kind) return current;
    current = current.cause;
  }
  return undefined;
}
