// Owns how far each revocation reaches when access ends: for which issuers, up to which time of issue, and for how long.

import { clientKey, subjectKey } from '../../token/token-id.ts';
import type { Revocations } from '../../token/withdrawal/revocations.ts';

/**
 * Milliseconds by which the clocks of nodes and issuers may differ. What is issued afterwards waits for as long: see
 * fresh-start.ts.
 */
const CLOCK_DIFFERENCE = 1_000;
/** Milliseconds. How long tokens of other issuers live is theirs to say; one that lives longer than this is seen again. */
const FOREIGN_TOKEN_LIFETIME = 30 * 86_400_000;

export interface AccessRevocations {
  /** Whether tokens of this issuer are accepted directly, beside Postern's own. */
  trusts(issuer: string): boolean;
  /** The tokens issued to a person until now. */
  revokeSubject(issuer: string, subject: string, cause: string): Promise<void>;
  /** The tokens issued to a client until now, by whichever issuer. */
  revokeClient(clientId: string, cause: string): Promise<void>;
  /** The tokens of a grant, whenever issued. */
  revokeGrant(handle: string, cause: string): Promise<void>;
  /** One token. False where its issuer's tokens are not accepted here anyway. */
  revokeToken(issuer: string, tokenId: string, cause: string): Promise<boolean>;
}

export function createAccessRevocations(options: {
  readonly revocations: Pick<Revocations, 'revoke'>;
  /** Postern's own issuer. */
  readonly issuer: string;
  readonly trustedIssuers: readonly string[];
  /** Milliseconds. */
  readonly tokenLifetime: number;
  readonly sessionLifetime: number;
  readonly now: () => number;
}): AccessRevocations {
  const { revocations, issuer: own, tokenLifetime, sessionLifetime, now } = options;
  const trusted = new Set(options.trustedIssuers);
  // A browser session from before counts as over as well (provider/grants.ts), so the mark lives as long as one.
  const ownLifetime = Math.max(tokenLifetime, sessionLifetime);
  const reach = (issuer: string) => ({
    expiresAt: seconds(now() + (issuer === own ? ownLifetime : FOREIGN_TOKEN_LIFETIME)),
    // In whole seconds, as `iat` is (RFC 9068 §2.2): to its end, for a token from before may be of that very second.
    issuedBefore: reachOf(now()),
  });
  return {
    trusts: (issuer) => trusted.has(issuer),
    revokeSubject: (issuer, subject, cause) =>
      revocations.revoke({ kind: 'subject', id: subjectKey(issuer, subject), ...reach(issuer), cause }),
    async revokeClient(clientId, cause) {
      for (const issuer of [own, ...trusted]) {
        await revocations.revoke({
          kind: 'client',
          id: clientKey(issuer, clientId),
          ...reach(issuer),
          cause,
        });
      }
    },
    revokeGrant: (handle, cause) =>
      revocations.revoke({ kind: 'grant', id: handle, expiresAt: seconds(now() + tokenLifetime), cause }),
    async revokeToken(issuer, tokenId, cause) {
      if (issuer !== own && !trusted.has(issuer)) return false;
      await revocations.revoke({ kind: 'token', id: tokenId, expiresAt: reach(issuer).expiresAt, cause });
      return true;
    },
  };
}

/** The last second (since the epoch) that an end reaches which comes now. */
export function reachOf(now: number): number {
  return Math.floor((now + CLOCK_DIFFERENCE) / 1000);
}

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}
