// The one place where a Principal is made, out of a token that has passed every check.

import type { Principal } from '../principal.ts';

/** What a verified token tells; the fields are those of {@link Principal}. */
export type VerifiedFacts = Pick<
  Principal,
  | 'issuer'
  | 'subject'
  | 'clientId'
  | 'addresses'
  | 'groups'
  | 'scopes'
  | 'tokenId'
  | 'grantId'
  | 'issuedAt'
  | 'expiresAt'
>;

/** Frozen, for one Principal serves every session that shows the same token. */
export function makePrincipal(facts: VerifiedFacts): Principal {
  const principal = {
    ...facts,
    addresses: Object.freeze([...facts.addresses]),
    groups: Object.freeze([...facts.groups]),
    scopes: Object.freeze([...facts.scopes]),
  };
  return Object.freeze(principal) as unknown as Principal;
}
