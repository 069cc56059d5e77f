// Owns the end of access at its source: whoever lost trust, their grants, refresh tokens and browser sessions go, and the
// access tokens already out there are revoked.

import type { Revocations } from '../../token/withdrawal/revocations.ts';
import type { AuthorizationEvents } from '../events.ts';
import type { ConsentMemory } from '../interaction/consents.ts';
import type { AccountStore, ArtifactStore } from '../stores.ts';
import { createDisabledBy, type DisabledBy } from './disabled.ts';
import { createStoredAccess, type StoredAccess } from './grants.ts';
import type { IdpSession, Origins } from './origins.ts';
import { enablePerson, endIdpSession, endPerson, NOTHING_ENDED } from './people.ts';
import { type AccessRevocations, createAccessRevocations } from './revocations.ts';

/** One person by account, by name at an identity provider, or everybody who may send as an address. */
export type PersonReference =
  | { readonly accountId: string }
  | { readonly idpIssuer: string; readonly idpSubject: string }
  | { readonly address: string };

/** What came to an end. `known` is false where nobody and nothing of that name was found. */
export interface Ended {
  readonly known: boolean;
  readonly people: number;
  readonly grants: number;
  readonly browserSessions: number;
}

export interface Why {
  /** One line for the journal: who or what ended it. */
  readonly cause: string;
}

/** Every act takes effect in this process before it resolves, is one audit event for each that ended, and may be repeated. */
export interface Access {
  /**
   * Ends all grants, refresh tokens and browser sessions of a person, and revokes the access tokens issued until now.
   * `disable`: they cannot sign in again until enabled; `by` names the issuer of a signal, which may then enable them again.
   * `spareOffline`: grants that were allowed to outlive the session stay, with their tokens.
   */
  endPerson(
    who: PersonReference,
    why: Why & { readonly disable?: boolean; readonly by?: string; readonly spareOffline?: boolean },
  ): Promise<Ended>;
  /** Lets a person sign in again. With `by` only where the same one disabled them. `people` tells how many were. */
  enablePerson(who: PersonReference, why: Why & { readonly by?: string }): Promise<Ended>;
  /**
   * Ends what came from one session at the identity provider. `idpSubject`, where known, also reaches what carries no mark of
   * its session, and the identity provider's own tokens where they are accepted directly.
   */
  endIdpSession(
    session: IdpSession & { readonly idpSubject?: string | undefined },
    why: Why & { readonly spareOffline?: boolean },
  ): Promise<Ended>;
  /** Ends all grants of a client and revokes its tokens. It may get new ones unless it is taken out of the configuration. */
  endClient(clientId: string, why: Why): Promise<Ended>;
  /** By the grant's handle (token-id.ts). */
  endGrant(handle: string, why: Why): Promise<Ended>;
  /** Revokes one access token of Postern's own or of a trusted issuer by its `jti`. */
  endToken(token: { readonly issuer: string; readonly tokenId: string }, why: Why): Promise<Ended>;
}

export interface AccessOptions {
  readonly artifacts: ArtifactStore;
  readonly accounts: AccountStore;
  readonly revocations: Pick<Revocations, 'revoke'>;
  readonly consents: Pick<ConsentMemory, 'forget'>;
  readonly origins: Pick<Origins, 'rememberEnd'>;
  readonly events: Pick<
    AuthorizationEvents,
    'personEnded' | 'personEnabled' | 'idpSessionEnded' | 'clientEnded' | 'grantRevoked' | 'tokenRevoked'
  >;
  /** Postern's own issuer. */
  readonly issuer: string;
  /** Issuers whose access tokens are accepted directly. */
  readonly trustedIssuers: readonly string[];
  readonly clients: readonly string[];
  /** Longest time that a verifier takes an access token of Postern's own, milliseconds. */
  readonly tokenLifetime: number;
  /** Milliseconds. */
  readonly sessionLifetime: number;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

/** Whoever ends access works with these. */
export interface AccessParts {
  readonly accounts: AccountStore;
  readonly stored: StoredAccess;
  readonly origins: Pick<Origins, 'rememberEnd'>;
  readonly revocations: AccessRevocations;
  readonly disabledBy: DisabledBy;
  readonly events: AccessOptions['events'];
  /** Postern's own issuer. */
  readonly issuer: string;
}

const HANDLE = /^[\w-]{16}$/;

export function createAccess(options: AccessOptions): Access {
  const { artifacts, accounts, consents, origins, events, issuer, now = Date.now } = options;
  const revocations = createAccessRevocations({ ...options, now });
  const stored = createStoredAccess({ artifacts, revocations, consents, now });
  const disabledBy = createDisabledBy({ artifacts, accounts });
  const parts: AccessParts = { accounts, stored, origins, revocations, disabledBy, events, issuer };
  return {
    endPerson: (who, end) => endPerson(parts, who, end),
    enablePerson: (who, why) => enablePerson(parts, who, why),
    endIdpSession: (session, end) => endIdpSession(parts, session, end),

    async endClient(clientId, { cause }) {
      await revocations.revokeClient(clientId, cause);
      const ended = await stored.endGrants(stored.grants({ clientId }), { cause, forget: true });
      events.clientEnded({ client: clientId, cause, grants: ended.length });
      const known = ended.length > 0 || options.clients.includes(clientId);
      return { ...NOTHING_ENDED, known, grants: ended.length };
    },

    async endGrant(handle, { cause }) {
      if (!HANDLE.test(handle)) return NOTHING_ENDED;
      const grants = stored.grants({ idBeginning: handle });
      const [grant] = await stored.endGrants(grants, { cause, forget: true });
      if (grant === undefined) {
        // Its row may be gone while a token of it lives on for some minutes.
        await revocations.revokeGrant(handle, cause);
        return NOTHING_ENDED;
      }
      const account = grant.accountId === undefined ? undefined : await accounts.find(grant.accountId);
      events.grantRevoked({ client: grant.clientId, user: account?.addresses[0], grant: handle, cause });
      return { ...NOTHING_ENDED, known: true, grants: 1 };
    },

    async endToken({ issuer: of, tokenId }, { cause }) {
      if (!(await revocations.revokeToken(of, tokenId, cause))) return NOTHING_ENDED;
      events.tokenRevoked({ tokenId, cause });
      return { ...NOTHING_ENDED, known: true };
    },
  };
}
