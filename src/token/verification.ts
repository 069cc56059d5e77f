// The verification of one token from its text to a Principal: the order of the checks stands here.

import type { Principal } from '../principal.ts';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import { type CheckedClaims, type Clock, checkClaims } from './checks/claims.ts';
import { decodeToken } from './checks/decode.ts';
import { checkHeader } from './checks/header.ts';
import { issuersToAsk, vouchedFor } from './introspection/asking.ts';
import type { Claims } from './issuers/identity.ts';
import type { IssuerRules } from './issuers/rules.ts';
import type { KeySource } from './keys/key-source.ts';
import { signatureOf } from './keys/signature.ts';
import { findOpaque, isOpaqueForm, type OwnOpaque } from './own-opaque.ts';
import { makePrincipal } from './principal.ts';
import { shown, shownName } from './shown.ts';
import { grantHandleOf } from './token-id.ts';
import type { Revocations } from './withdrawal/revocations.ts';

export interface VerificationContext {
  /** By exact `iss`. */
  readonly issuers: ReadonlyMap<string, IssuerRules>;
  /** Absent where Postern's own issuer has no opaque tokens. */
  readonly ownOpaque?: OwnOpaque | undefined;
  readonly revocations: Revocations;
  readonly clock: Clock;
}

export interface VerifiedToken {
  readonly principal: Principal;
  readonly rules: IssuerRules;
  /** The client certificate without which the token is good for nothing; see `binding.ts`. */
  readonly certificate: string | undefined;
}

interface Proved {
  readonly rules: IssuerRules;
  readonly claims: Claims;
  readonly checked: CheckedClaims;
}

/** By what Postern's own issuer keeps of it, by its issuer's word where that is to be asked, else by its signature. */
export async function verifyToken(
  token: string,
  context: VerificationContext,
): Promise<VerifiedToken | Refusal> {
  const proved = await prove(token, context);
  if (isRefusal(proved)) return proved;
  const { rules, claims, checked } = proved;
  const identity = await rules.identify(claims);
  if (isRefusal(identity)) return identity;
  const { certificate, ...facts } = checked;
  const grantId = rules.grantInTokenId ? grantHandleOf(facts.tokenId ?? '') : undefined;
  // Last, after everything that waits: what was revoked meanwhile counts.
  const principal = makePrincipal({ issuer: rules.issuer, ...facts, ...identity, grantId });
  if (context.revocations.isRevoked(principal)) return revoked(principal.tokenId);
  return { principal, rules, certificate };
}

async function prove(token: string, context: VerificationContext): Promise<Proved | Refusal> {
  // First of all, so that no other issuer is shown a token that is good here.
  const own =
    context.ownOpaque && isOpaqueForm(token)
      ? await findOpaque(token, context.ownOpaque, context.clock)
      : undefined;
  if (own && !('unknown' in own)) return own;
  const asked = issuersToAsk(token, context.issuers);
  if (asked.length > 0) return vouchedFor(token, asked, context);
  return own?.unknown ?? proveSigned(token, context);
}

/**
 * Claims are checked before the signature: a refusal by what the token says of itself holds whoever wrote it, costs no key
 * and no request, and an expired token is called expired even while its issuer is down, so that its client renews it.
 */
async function proveSigned(
  token: string,
  { issuers, clock }: VerificationContext,
): Promise<Proved | Refusal> {
  const decoded = decodeToken(token);
  if (isRefusal(decoded)) return decoded;
  const rules = pickIssuer(issuers, decoded.claims['iss']);
  if (isRefusal(rules)) return rules;
  const wanted = checkHeader(decoded.header, rules);
  if (isRefusal(wanted)) return wanted;
  if (!decoded.signed) return refuse('token-malformed', 'no signature: the third part is empty');
  const checked = checkClaims(decoded.claims, rules, clock);
  if (isRefusal(checked)) return checked;

  const signature = signatureOf(token, { ...wanted, issuedAt: checked.issuedAt });
  const unsigned = await rules.proof.keys.check(signature);
  return unsigned ?? { rules, claims: decoded.claims, checked };
}

export function revoked(tokenId: string | undefined): Refusal {
  return refuse('token-revoked', `token ${shown(tokenId)} or what it rests on was revoked`);
}

type SignedRules = IssuerRules & { readonly proof: { readonly by: 'signature'; readonly keys: KeySource } };

// RFC 8725 §3.8: the issuer decides which keys are looked at, so that one issuer's key never vouches for another's token.
function pickIssuer(issuers: ReadonlyMap<string, IssuerRules>, iss: unknown): SignedRules | Refusal {
  const rules = typeof iss === 'string' ? issuers.get(iss) : undefined;
  // Of an issuer that is asked, a token that could be read has gone there already.
  if (rules?.proof.by === 'signature') return rules as SignedRules;
  return refuse('token-issuer', `expected iss ${shownName([...issuers.keys()])}, found ${shownName(iss)}`);
}
