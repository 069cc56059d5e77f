// Tokens that their issuer is asked about (RFC 7662): who is asked about which, and what its word makes of one.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import { type CheckedClaims, checkClaims } from '../checks/claims.ts';
import { checkTokenLength, decodeToken } from '../checks/decode.ts';
import type { Claims } from '../issuers/identity.ts';
import type { IssuerRules } from '../issuers/rules.ts';
import { shown, shownName } from '../shown.ts';
import type { VerificationContext } from '../verification.ts';

export type AskedRules = IssuerRules & { readonly proof: { readonly by: 'introspection' } };

export interface Vouched {
  readonly rules: AskedRules;
  readonly claims: Claims;
  readonly checked: CheckedClaims;
}

/** An answer without `exp` (RFC 7662 §2.2 makes it optional) is good for this many seconds. */
const LIFETIME_UNNAMED = 300;

/**
 * The issuers to ask, in the order of the configuration; none where the token is to be judged by its signature. A token that
 * names an issuer is shown to that one alone; any other to those whose tokens begin as it does.
 */
export function issuersToAsk(
  token: string,
  issuers: ReadonlyMap<string, IssuerRules>,
): readonly AskedRules[] {
  const asked = [...issuers.values()].filter(isAsked);
  if (asked.length === 0 || checkTokenLength(token)) return [];
  const named = issuerNamedIn(token);
  if (named !== undefined) return asked.filter(({ issuer }) => issuer === named);
  return asked.filter(
    ({ proof }) => proof.prefixes.length === 0 || proof.prefixes.some((prefix) => token.startsWith(prefix)),
  );
}

/**
 * What the first issuer that stands by the token says of it. While one of them does not answer the token may be good, whatever
 * the others say.
 */
export async function vouchedFor(
  token: string,
  asked: readonly AskedRules[],
  { clock }: Pick<VerificationContext, 'clock'>,
): Promise<Vouched | Refusal> {
  let no: Refusal | undefined;
  let silent: Refusal | undefined;
  for (const rules of asked) {
    const answer = await rules.proof.introspector.ask(token);
    if ('failure' in answer) silent ??= unavailable(rules, answer.failure);
    else if (!answer.active) no ??= refuse('token-revoked', answer.reason);
    else return readClaims(answer.claims, rules, clock);
  }
  return silent ?? no ?? refuse('token-issuer', 'no issuer to ask about this token');
}

/** Whose Principal may be made: everything that can be wrong with a token is looked for in the answer. */
function readClaims(
  answer: Claims,
  rules: AskedRules,
  clock: VerificationContext['clock'],
): Vouched | Refusal {
  const { iss = rules.issuer } = answer;
  if (iss !== rules.issuer)
    return refuse(
      'token-issuer',
      `expected iss ${shownName(rules.issuer)} in the answer, found ${shownName(iss)}`,
    );
  const unfit = checkKind(answer['token_type']);
  if (unfit) return unfit;
  const claims = {
    ...answer,
    iss,
    // RFC 7662 §2.2: both are optional.
    sub: answer['sub'] ?? answer['username'],
    exp: answer['exp'] ?? Math.floor(clock.now) + LIFETIME_UNNAMED,
  };
  const checked = checkClaims(claims, rules, clock);
  // The issuer's mistake is not the client's: its token may be good, and it must not throw it away.
  if (isRefusal(checked) && checked.code === 'token-malformed') return unavailable(rules, checked.reason);
  return isRefusal(checked) ? checked : { rules, claims, checked };
}

/** RFC 7662 §2.2: `token_type`, for those who do not tell it otherwise. */
function checkKind(kind: unknown): Refusal | undefined {
  if (typeof kind !== 'string') return undefined;
  // Keycloak and others name DPoP tokens so; cnf may not be among what they tell.
  if (/^(?:dpop|pop|mac)$/i.test(kind))
    return refuse(
      'token-bound',
      `a token with token_type ${shown(kind)}, whose proof cannot be shown over SMTP`,
    );
  // RFC 7662 §2.1: refresh tokens may be asked about as well, and are active. Stolen from a client with a secret, such a one is worth
  // nothing elsewhere.
  if (/^(?:refresh|id)(?:_?token)?$/i.test(kind))
    return refuse(
      'token-type',
      `expected an access token, found one of another kind (token_type ${shown(kind)})`,
    );
  return undefined;
}

/** `iss` of a signed token; nothing of it is verified. Undefined where it is none that can be read, or names nobody. */
function issuerNamedIn(token: string): string | undefined {
  const decoded = decodeToken(token);
  // What has the header of a JWT is one that is broken, and no issuer's business.
  if (isRefusal(decoded)) return hasHeader(token) ? '' : undefined;
  const { iss } = decoded.claims;
  return iss === undefined ? undefined : String(iss);
}

function hasHeader(token: string): boolean {
  const parts = token.split('.');
  return parts.length === 3 && /^\{.*"alg"/s.test(Buffer.from(parts[0] ?? '', 'base64url').toString());
}

function isAsked(rules: IssuerRules): rules is AskedRules {
  return rules.proof.by === 'introspection';
}

function unavailable({ issuer }: IssuerRules, why: string): Refusal {
  return refuse('issuer-unavailable', `${shownName(issuer)} can't be asked about the token: ${why}`);
}
