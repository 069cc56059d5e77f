// How the claims of an issuer become addresses and groups; for access tokens here, for ID tokens at sign-in.

import { addressKey, canonicalAddress, isOfDomain } from '../../address.ts';
import { type Refusal, refuse } from '../../refusal.ts';
import type { IdentityClaims } from '../settings.ts';
import { shown } from '../shown.ts';
import { namesAt, textsAt } from './claim-path.ts';

export type Claims = Readonly<Record<string, unknown>>;

/**
 * The canonical addresses of a person, in the order of the configured claims, each once. Values that are no address are
 * passed over (a `preferred_username` of "alice"), and so are those of other domains than `domains`, where some are given;
 * refusal `token-identity` where none is left.
 */
export function addressesFromClaims(
  claims: Claims,
  settings: IdentityClaims,
  domains?: readonly string[],
): string[] | Refusal {
  const found = new Map<string, string>();
  const passedOver: string[] = [];
  for (const name of settings.addresses) {
    if (name === 'email' && settings.requireVerified && !isEmailVerified(claims)) {
      passedOver.push(`email_verified is ${shown(claims['email_verified'])}`);
      continue;
    }
    for (const value of textsAt(claims, name)) {
      const address = canonicalAddress(value);
      const key = addressKey(value);
      if (address === undefined || key === undefined) passedOver.push(`${name} is ${shown(value)}`);
      else if (domains && !domains.some((domain) => isOfDomain(address, domain)))
        passedOver.push(`${name} is ${shown(value)}, of no domain of this issuer's`);
      else if (!found.has(key)) found.set(key, address);
    }
  }
  if (found.size > 0) return [...found.values()];
  const seen = passedOver.length > 0 ? passedOver.slice(0, 3).join('; ') : 'none of them is there';
  return refuse('token-identity', `no address in the claims ${shown(settings.addresses)}: ${seen}`);
}

/** The groups of a person; empty where no claim is configured or it holds none. */
export function groupsFromClaims(claims: Claims, settings: IdentityClaims): string[] {
  return settings.groups === undefined ? [] : [...new Set(namesAt(claims, settings.groups))];
}

// OpenID Connect Core §5.1 has a boolean; some providers write it as text.
function isEmailVerified(claims: Claims): boolean {
  const verified = claims['email_verified'];
  return verified === true || verified === 'true';
}
