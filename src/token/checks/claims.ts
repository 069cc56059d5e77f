// The checks of a token's claims (RFC 7519 §4.1, RFC 9068 §4), one line of the list each.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import { namesAt } from '../issuers/claim-path.ts';
import type { Claims } from '../issuers/identity.ts';
import type { IssuerRules } from '../issuers/rules.ts';
import { shown, shownName, shownTime } from '../shown.ts';
import { readBinding } from './binding.ts';

/** The claims that become fields of a Principal. */
export interface CheckedClaims {
  readonly subject: string;
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
  readonly tokenId: string | undefined;
  /** Seconds since the epoch. */
  readonly issuedAt: number | undefined;
  readonly expiresAt: number;
  /** The client certificate it is bound to (RFC 8705 §3), as in `binding.ts`; undefined for a bearer token. */
  readonly certificate: string | undefined;
}

export interface Clock {
  /** Seconds since the epoch. */
  readonly now: number;
  /** Seconds by which the issuer's clock may differ, either way. */
  readonly leeway: number;
}

type Check = (claims: Claims, rules: IssuerRules, clock: Clock) => Refusal | undefined;

const CHECKS: readonly Check[] = [
  checkTexts,
  checkRequired,
  checkPurpose,
  checkAudience,
  checkExpiry,
  checkBeginning,
  checkScope,
  checkRequirements,
  checkClient,
];

/** Claims that name the client, in the order in which they are believed: RFC 9068, OpenID Connect, Okta, Entra ID v1. */
const CLIENT_CLAIMS = ['client_id', 'azp', 'cid', 'appid'] as const;

const MAX_TEXT_LENGTH = 255;
const END_OF_YEAR_9999 = 253_402_300_799;

export function checkClaims(claims: Claims, rules: IssuerRules, clock: Clock): CheckedClaims | Refusal {
  for (const check of CHECKS) {
    const refusal = check(claims, rules, clock);
    if (refusal) return refusal;
  }
  const certificate = readBinding(claims['cnf']);
  if (isRefusal(certificate)) return certificate;
  return {
    subject: String(claims['sub']),
    clientId: clientOf(claims),
    scopes: scopesOf(claims),
    tokenId: claims['jti'] === undefined ? undefined : String(claims['jti']),
    issuedAt: typeof claims['iat'] === 'number' ? claims['iat'] : undefined,
    expiresAt: Number(claims['exp']),
    certificate,
  };
}

// These go to the journal and to look-ups: one short line of text each.
function checkTexts(claims: Claims): Refusal | undefined {
  for (const name of ['sub', 'jti', ...CLIENT_CLAIMS]) {
    const value = claims[name];
    if (value !== undefined && !isPlainText(value)) {
      return malformed(
        `expected ${name} to be a text of 1 to ${MAX_TEXT_LENGTH} printable characters, found ${shown(value)}`,
      );
    }
  }
  return undefined;
}

function checkRequired(claims: Claims, { requiredClaims }: IssuerRules): Refusal | undefined {
  const missing = ['sub', 'exp', ...requiredClaims].find((name) => claims[name] === undefined);
  return missing === undefined ? undefined : malformed(`no claim ${missing}`);
}

// RFC 8725 §3.12: where an issuer writes only `typ: JWT`, these marks still tell its other tokens from access tokens:
// hashes of OpenID Connect Core §3.3.2.11, events of RFC 8417, `token_use` of Amazon Cognito, `typ` of Keycloak.
function checkPurpose(claims: Claims, { claimedTypes }: IssuerRules): Refusal | undefined {
  const mark = ['at_hash', 'c_hash', 's_hash', 'events'].find((name) => claims[name] !== undefined);
  if (mark !== undefined) return notAccess(`claim ${mark}`);
  const use = claims['token_use'];
  if (typeof use === 'string' && /^(id|refresh)(_token)?$/i.test(use))
    return notAccess(`token_use ${shown(use)}`);
  const typ = claims['typ'];
  if (claimedTypes && !(typeof typ === 'string' && claimedTypes.has(typ)))
    return refuse('token-type', `expected a claim typ ${shown([...claimedTypes])}, found ${shown(typ)}`);
  const isOther =
    typeof typ === 'string' && ['id', 'refresh', 'offline', 'logout'].includes(typ.toLowerCase());
  return isOther ? notAccess(`typ ${shown(typ)} among the claims`) : undefined;
}

function checkAudience({ aud }: Claims, { audiences }: IssuerRules): Refusal | undefined {
  // Without any (see config/checks/trusted-issuers.ts) the client says for whom it is.
  if (!audiences) return undefined;
  const found: unknown[] = Array.isArray(aud) ? aud : [aud];
  const isText = found.length > 0 && found.every((value) => typeof value === 'string');
  if (isText && found.some((value) => audiences.has(value))) return undefined;
  return refuse('token-audience', `expected aud ${shownName([...audiences])}, found ${shownName(aud)}`);
}

function checkExpiry({ exp }: Claims, _rules: IssuerRules, { now, leeway }: Clock): Refusal | undefined {
  if (!isTime(exp)) return malformed(`expected exp to be a number of seconds, found ${shown(exp)}`);
  // RFC 7519 §4.1.4: "on or after which" it is no longer valid.
  return now < exp + leeway ? undefined : refuse('token-expired', `expired ${shownTime(exp)}`);
}

// An `iat` to come is refused like an `nbf` to come: one of the clocks is wrong, and the life of the token with it.
function checkBeginning(claims: Claims, _rules: IssuerRules, { now, leeway }: Clock): Refusal | undefined {
  for (const name of ['nbf', 'iat']) {
    const time = claims[name];
    if (time === undefined) continue;
    if (!isTime(time)) return malformed(`expected ${name} to be a number of seconds, found ${shown(time)}`);
    if (time > now + leeway) {
      return refuse('token-not-yet-valid', `${name} is ${shownTime(time)}, now it is ${shownTime(now)}`);
    }
  }
  return undefined;
}

function checkScope(claims: Claims, { scopes }: IssuerRules): Refusal | undefined {
  const held = scopesOf(claims);
  if (scopes.length === 0 || scopes.some((scope) => held.includes(scope))) return undefined;
  return refuse('token-scope', `expected scope ${shown(scopes)}, found ${shown(held)}`);
}

/** Roles are what some issuers have in place of scopes; refusal `token-scope` where one of the claims holds nothing of its list. */
export function checkRequirements(
  claims: Claims,
  { requirements }: Pick<IssuerRules, 'requirements'>,
): Refusal | undefined {
  for (const { claim, anyOf } of requirements) {
    const held = namesAt(claims, claim);
    if (anyOf.some((value) => held.includes(value))) continue;
    return refuse('token-scope', `expected ${claim} to hold ${shown(anyOf)}, found ${shown(held)}`);
  }
  return undefined;
}

function checkClient(claims: Claims, { clients }: IssuerRules): Refusal | undefined {
  const clientId = clientOf(claims);
  if (!clients || (clientId !== undefined && clients.has(clientId))) return undefined;
  return refuse('token-client', `expected client ${shownName([...clients])}, found ${shownName(clientId)}`);
}

/** RFC 9068 §2.2.3 has one text; `scp`, a text or a list, is what Entra ID and Okta write. */
function scopesOf(claims: Claims): string[] {
  return [claims['scope'], claims['scp']]
    .flat()
    .filter((value) => typeof value === 'string')
    .flatMap((value) => value.split(' '))
    .filter((scope) => scope !== '');
}

function clientOf(claims: Claims): string | undefined {
  const name = CLIENT_CLAIMS.find((claim) => claims[claim] !== undefined);
  return name === undefined ? undefined : String(claims[name]);
}

export function isPlainText(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= MAX_TEXT_LENGTH &&
    !/[\p{C}\p{Zl}\p{Zp}]/u.test(value)
  );
}

// JSON has 1e999, which reads as infinity and would never expire; a time in milliseconds would not for 50 000 years.
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= END_OF_YEAR_9999;
}

function malformed(reason: string): Refusal {
  return refuse('token-malformed', reason);
}

function notAccess(mark: string): Refusal {
  return refuse('token-type', `expected an access token, found one of another kind (${mark})`);
}
