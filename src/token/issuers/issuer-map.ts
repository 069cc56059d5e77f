// Which issuer a mail domain's people sign in at: what a client is told whose sign-in failed.

import { isOfDomain } from '../../address.ts';
import type { TrustedIssuerSettings } from '../settings.ts';

/** As RFC 7628 §3.2.2 has it. */
export interface WayToToken {
  readonly scope: string;
  readonly openidConfiguration: string;
}

/**
 * By the domain of the name alone, which the configuration knows and anybody may try: of whether there is such a user nothing can
 * be learnt. Undefined for a name without a domain, or of one that no trusted issuer has.
 */
export function issuerMap(
  trustedIssuers: readonly TrustedIssuerSettings[],
): (userName: string) => WayToToken | undefined {
  const ways = trustedIssuers.flatMap((trusted) =>
    (trusted.domains ?? []).map((domain) => ({ domain, way: wayTo(trusted) })),
  );
  return (userName) => ways.find(({ domain }) => isOfDomain(userName, domain))?.way;
}

function wayTo({ issuer, scopes, challenge = {} }: TrustedIssuerSettings): WayToToken {
  return {
    scope: challenge.scope ?? scopes[0] ?? '',
    // OpenID Connect Discovery §4.1: a slash at the end of the issuer is left out first.
    openidConfiguration:
      challenge.openidConfiguration ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
  };
}
