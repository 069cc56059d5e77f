// Owns the list of signed-in sessions, and the ending of those that lose trust.

import type { Principal } from '../../principal.ts';
import type { Revocation } from '../../token/withdrawal/revocation-store.ts';
import { concerns } from '../../token/withdrawal/revocations.ts';

/** One signed-in session as an administrator sees it. */
export interface LiveSession {
  readonly id: string;
  readonly user: string;
  /** Every address the person or app may send as. */
  readonly addresses: readonly string[];
  readonly client: string | undefined;
  readonly peer: string;
  /** ISO 8601. */
  readonly since: string;
  readonly mechanism: string;
  readonly issuer: string;
  /** Handle of the grant. */
  readonly grant: string | undefined;
  readonly tokenId: string | undefined;
  readonly messages: number;
  readonly state: 'idle' | 'in-transaction' | 'in-message';
}

/** What a session gives the registry. */
export interface Registered {
  readonly id: string;
  readonly principal: Principal;
  describe(): LiveSession;
  /** Ends it as its state allows; `cause` is for the journal. */
  revoke(cause: string): void;
}

/**
 * One process keeps its sessions in memory. Several nodes share what was revoked through the store, so that each ends its own;
 * listing and ending over all of them is another implementation of these two, hence the promises.
 */
export interface SessionDirectory {
  list(): Promise<readonly LiveSession[]>;
  /** False where there is no such session. */
  end(id: string, cause: string): Promise<boolean>;
}

export interface SessionRegistry extends SessionDirectory {
  add(session: Registered): void;
  remove(session: Registered): void;
  /** Ends every session that the revocation concerns; gives their number. */
  revoke(revocation: Revocation): number;
}

export function createSessionRegistry(): SessionRegistry {
  const sessions = new Map<string, Registered>();
  return {
    add: (session) => void sessions.set(session.id, session),
    remove: (session) => void sessions.delete(session.id),
    revoke(revocation) {
      const concerned = [...sessions.values()].filter(({ principal }) => concerns(revocation, principal));
      for (const session of concerned) session.revoke(revocation.cause ?? `${revocation.kind} revoked`);
      return concerned.length;
    },
    async list() {
      return [...sessions.values()].map((session) => session.describe());
    },
    async end(id, cause) {
      const session = sessions.get(id);
      session?.revoke(cause);
      return session !== undefined;
    },
  };
}
