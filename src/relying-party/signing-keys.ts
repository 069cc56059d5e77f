// The identity provider's signing keys between two sign-ins.

import { type Configuration, type ExportedJWKSCache, getJwksCache, setJwksCache } from 'openid-client';

// Seconds, as openid-client has them: keys are dropped at MAX_AGE, and an unknown key makes it fetch the set anew only
// where the set it holds is older than REFETCH_AGE.
const MAX_AGE = 300;
const REFETCH_AGE = 60;

export interface SigningKeys {
  /** Gives the known keys to a new configuration. */
  lend(configuration: Configuration): void;
  /** Takes over what the configuration has fetched. */
  keep(configuration: Configuration): void;
}

export function createSigningKeys(): SigningKeys {
  let known: ExportedJWKSCache | undefined;
  return {
    lend(configuration) {
      const now = epochSeconds();
      if (known === undefined || now - known.uat >= MAX_AGE) return;
      // Lent as old enough to be fetched anew at once: a sign-in right after the issuer changed its keys must not fail.
      // Each fetch costs a code that the issuer has just honoured, so nobody else can make us hammer it.
      const age = Math.max(now - known.uat, REFETCH_AGE);
      setJwksCache(configuration, { jwks: known.jwks, uat: now - age });
    },
    keep(configuration) {
      const kept = getJwksCache(configuration);
      if (kept !== undefined && epochSeconds() - kept.uat < REFETCH_AGE) known = kept;
    },
  };
}

/** The clock openid-client goes by. */
function epochSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
