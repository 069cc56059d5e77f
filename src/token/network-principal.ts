// The Principal of a server that is known by its network: made from the configuration, the only one without a token.

import { canonicalAddress, readDomainPattern } from '../address.ts';
import { NETWORK_ISSUER, type Principal } from '../principal.ts';
import { makePrincipal } from './principal.ts';

export { NETWORK_ISSUER };

/** The last second that a Date can hold (ECMA-262 §21.4.1.1): the trust ends with the configuration, not with time. */
const FOR_EVER = 8_640_000_000_000;

/** @param entry.sendAs addresses, and `*@example.org` for every address of a domain; anything else gives no right */
export function networkPrincipal(entry: { name: string; sendAs: readonly string[] }): Principal {
  const isPattern = (text: string): boolean => text.startsWith('*@');
  const patterns = entry.sendAs.filter(isPattern);
  const addresses = entry.sendAs.filter((text) => !isPattern(text));
  return makePrincipal({
    issuer: NETWORK_ISSUER,
    subject: entry.name,
    clientId: undefined,
    addresses: addresses.flatMap((text) => canonicalAddress(text) ?? []),
    domains: patterns.flatMap((text) => readDomainPattern(text) ?? []),
    groups: [],
    scopes: [],
    tokenId: undefined,
    grantId: undefined,
    issuedAt: undefined,
    expiresAt: FOR_EVER,
  });
}
