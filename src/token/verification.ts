// The verification of one token from its text to a Principal: the order of the checks stands here.

import type { KeyObject } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import type { Principal } from '../principal.ts';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import { type Clock, checkClaims } from './claims.ts';
import { decodeToken } from './decode.ts';
import { checkHeader } from './header.ts';
import type { IssuerRules } from './issuer-rules.ts';
import { makePrincipal } from './principal.ts';
import type { Revocations } from './revocations.ts';
import { shown } from './shown.ts';
import { grantHandleOf } from './token-id.ts';

export interface VerificationContext {
  /** By exact `iss`. */
  readonly issuers: ReadonlyMap<string, IssuerRules>;
  readonly revocations: Revocations;
  readonly clock: Clock;
}

export interface VerifiedToken {
  readonly principal: Principal;
  readonly rules: IssuerRules;
}

/**
 * Claims are checked before the signature: a refusal by what the token says of itself holds whoever wrote it, costs no key
 * and no request, and an expired token is called expired even while its issuer is down, so that its client renews it.
 */
export async function verifyToken(
  token: string,
  { issuers, revocations, clock }: VerificationContext,
): Promise<VerifiedToken | Refusal> {
  const decoded = decodeToken(token);
  if (isRefusal(decoded)) return decoded;
  const rules = pickIssuer(issuers, decoded.claims['iss']);
  if (isRefusal(rules)) return rules;
  const wanted = checkHeader(decoded.header, rules);
  if (isRefusal(wanted)) return wanted;
  if (!decoded.signed) return refuse('token-malformed', 'no signature: the third part is empty');
  const checked = checkClaims(decoded.claims, rules, clock);
  if (isRefusal(checked)) return checked;

  const keys = await rules.keys.find(wanted);
  if (isRefusal(keys)) return keys;
  const unsigned = await checkSignature(token, keys, wanted.alg);
  if (unsigned) return unsigned;

  const identity = await rules.identify(decoded.claims);
  if (isRefusal(identity)) return identity;
  const grantId = rules.grantInTokenId ? grantHandleOf(checked.tokenId ?? '') : undefined;
  // Last, after everything that waits: what was revoked meanwhile counts.
  const principal = makePrincipal({ issuer: rules.issuer, ...checked, ...identity, grantId });
  return revocations.isRevoked(principal) ? revoked(principal.tokenId) : { principal, rules };
}

export function revoked(tokenId: string | undefined): Refusal {
  return refuse('token-revoked', `token ${shown(tokenId)} or what it rests on was revoked`);
}

// RFC 8725 §3.8: the issuer decides which keys are looked at, so that one issuer's key never vouches for another's token.
function pickIssuer(issuers: ReadonlyMap<string, IssuerRules>, iss: unknown): IssuerRules | Refusal {
  const rules = typeof iss === 'string' ? issuers.get(iss) : undefined;
  if (rules) return rules;
  return refuse('token-issuer', `expected iss ${shown([...issuers.keys()])}, found ${shown(iss)}`);
}

export async function checkSignature(
  token: string,
  keys: readonly KeyObject[],
  alg: string,
): Promise<Refusal | undefined> {
  for (const key of keys) {
    try {
      await compactVerify(token, key, { algorithms: [alg] });
      return undefined;
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
    }
  }
  return refuse('token-signature', `the ${alg} signature fits no key of the issuer`);
}
