// What every security event token must fulfil, logout tokens among them (RFC 8417): the order of the checks stands here.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import { isPlainText, isTime } from '../checks/claims.ts';
import { decodeToken } from '../checks/decode.ts';
import { checkHeader } from '../checks/header.ts';
import type { Claims } from '../issuers/identity.ts';
import { mediaType } from '../issuers/rules.ts';
import type { KeySource } from '../keys/key-source.ts';
import { signatureOf } from '../keys/signature.ts';
import { shown, shownName, shownTime } from '../shown.ts';

/** Signature algorithms taken: asymmetric ones. `none` and HS* must never stand here (RFC 8725 §3.1). */
export const EVENT_ALGORITHMS: ReadonlySet<string> = new Set([
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
  'Ed25519',
]);

export interface EventRules {
  readonly issuer: string;
  readonly audience: string;
  readonly keys: KeySource;
  /** `typ` that the token must have, without `application/`. */
  readonly type: string;
  /** Whether a token that names no type of its own (no `typ`, or plain `JWT`) is taken all the same. */
  readonly mayBeUntyped: boolean;
  /** Age beyond which the token is not believed any more, seconds. */
  readonly maxAge: number;
  /** What this kind of token must say beyond the rest. */
  readonly check: (claims: Claims) => Refusal | undefined;
}

export interface EventClock {
  /** Seconds since the epoch. */
  readonly now: number;
  /** Seconds by which the issuer's clock may differ. */
  readonly leeway: number;
}

/** A token that has passed every check; `jti` and `iat` are surely there. */
export interface VerifiedEvent {
  readonly tokenId: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly claims: Claims;
}

/**
 * All that costs nothing comes before keys are looked for: whoever floods us with forged events is turned away before a
 * request to the issuer or a signature check.
 */
export async function verifyEvent(
  token: string,
  rules: EventRules,
  clock: EventClock,
): Promise<VerifiedEvent | Refusal> {
  const decoded = decodeToken(token);
  if (isRefusal(decoded)) return decoded;
  const { header, claims, signed } = decoded;
  const wanted = checkHeader(typed(header, rules), {
    algorithms: EVENT_ALGORITHMS,
    types: new Set([rules.type]),
  });
  if (isRefusal(wanted)) return wanted;
  if (!signed) return refuse('token-malformed', 'no signature: the third part is empty');
  const refusal =
    checkIssuer(claims, rules) ??
    checkAudience(claims, rules) ??
    checkTokenId(claims) ??
    checkAge(claims, rules, clock) ??
    rules.check(claims);
  if (refusal) return refusal;

  const unsigned = await rules.keys.check(signatureOf(token, wanted));
  if (unsigned) return unsigned;
  return { tokenId: String(claims['jti']), issuedAt: Number(claims['iat']), claims };
}

/** Members of `events` (RFC 8417 §2.2), or a refusal where it is no object of objects or empty. */
export function eventsOf({ events }: Claims): ReadonlyMap<string, Claims> | Refusal {
  if (!isObject(events)) {
    return refuse('token-malformed', `expected events to be an object, found ${shown(events)}`);
  }
  const found = Object.entries(events);
  if (found.length === 0) return refuse('token-malformed', 'events is empty');
  const [odd] = found.filter(([, payload]) => !isObject(payload));
  if (odd) return refuse('token-malformed', `expected the event ${shown(odd[0])} to be an object`);
  return new Map(found as [string, Claims][]);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// RFC 7519 §5.1: `JWT` says no more than what every token here is.
function typed(header: Claims, { type, mayBeUntyped }: EventRules): Claims {
  const { typ } = header;
  const isUntyped = typ === undefined || (typeof typ === 'string' && mediaType(typ) === 'jwt');
  return mayBeUntyped && isUntyped ? { ...header, typ: type } : header;
}

function checkIssuer({ iss }: Claims, { issuer }: EventRules): Refusal | undefined {
  if (iss === issuer) return undefined;
  return refuse('token-issuer', `expected iss ${shownName(issuer)}, found ${shownName(iss)}`);
}

function checkAudience({ aud }: Claims, { audience }: EventRules): Refusal | undefined {
  const found: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (found.includes(audience)) return undefined;
  return refuse('token-audience', `expected aud ${shownName(audience)}, found ${shownName(aud)}`);
}

// Without it a token that was overheard could be played again unnoticed.
function checkTokenId({ jti }: Claims): Refusal | undefined {
  if (isPlainText(jti)) return undefined;
  return refuse('token-malformed', `expected jti to be a text of 1 to 255 characters, found ${shown(jti)}`);
}

function checkAge({ iat, exp, nbf }: Claims, { maxAge }: EventRules, clock: EventClock): Refusal | undefined {
  const { now, leeway } = clock;
  if (!isTime(iat)) {
    return refuse('token-malformed', `expected iat to be a number of seconds, found ${shown(iat)}`);
  }
  for (const [name, time] of Object.entries({ iat, nbf })) {
    if (time === undefined) continue;
    if (isTime(time) && time <= now + leeway) continue;
    return refuse('token-not-yet-valid', `${name} is ${shownWhen(time)}, now it is ${shownTime(now)}`);
  }
  if (exp !== undefined && !(isTime(exp) && now < exp + leeway)) {
    return refuse('token-expired', `exp is ${shownWhen(exp)}, now it is ${shownTime(now)}`);
  }
  if (now <= iat + maxAge + leeway) return undefined;
  return refuse('token-expired', `iat is ${shownTime(iat)}, which is more than ${maxAge} s ago`);
}

function shownWhen(time: unknown): string {
  return isTime(time) ? shownTime(time) : shown(time);
}
