// The one place where a Principal is made, out of a token that has passed every check, or out of the configuration.

import type { Principal } from '../principal.ts';

/** What is known of it; the fields are those of {@link Principal}. */
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
> &
  Partial<Pick<Principal, 'domains'>>;

/** Frozen, for one Principal serves every session that shows the same token. */
export function makePrincipal(facts: VerifiedFacts): Principal {
  const principal = {
    ...facts,
    addresses: Object.freeze([...facts.addresses]),
    domains: Object.freeze([...(facts.domains ?? [])]),
    groups: Object.freeze([...facts.groups]),
    scopes: Object.freeze([...facts.scopes]),
  };
  return Object.freeze(principal) as unknown as Principal;
}
