// A door with sessions and grants in memory: what was ended is recorded, and revoked tokens end their sessions as in the real one.

import type { AccessControl, AdministrationDoor, LiveSession } from '../../../src/administration/door.ts';
import type { KnownRefusal } from '../../../src/explanation/refusal-memory.ts';
import type { QuestionedToken, TokenVerdict } from '../../../src/explanation/verdict.ts';

export const ALICE: LiveSession = {
  id: 'session-alice',
  user: 'alice@example.org',
  addresses: ['alice@example.org', 'info@example.org'],
  client: 'desktop-mail',
  peer: '192.0.2.1',
  since: '2026-11-21T20:00:00.000Z',
  mechanism: 'OAUTHBEARER',
  issuer: 'https://mail.example.org',
  grant: 'grantOfAlice0000',
  tokenId: 'grantOfAlice0000.abc',
  messages: 3,
  state: 'idle',
};

/** The same person from elsewhere, over a grant of her own for another client. */
export const ALICE_PHONE: LiveSession = {
  ...ALICE,
  id: 'session-alice-phone',
  client: 'phone',
  peer: '2001:db8::7',
  since: '2026-11-21T19:00:00.000Z',
  grant: 'grantOfPhone0000',
  messages: 1,
  state: 'in-message',
};

/** Came with the token of another issuer: no grant, nothing that Postern could revoke. */
export const BOB: LiveSession = {
  ...ALICE,
  id: 'session-bob',
  user: 'bob@example.org',
  addresses: ['bob@example.org'],
  client: 'outside-client',
  issuer: 'https://id.example.org',
  grant: undefined,
  tokenId: 'token-of-bob',
  messages: 0,
  state: 'in-transaction',
};

export interface Situation extends AdministrationDoor {
  readonly live: Map<string, LiveSession>;
  /** What is known of refusals, by session. */
  readonly refusals: Map<string, readonly KnownRefusal[]>;
  /** Asked about tokens; a test puts a judge of its own here. */
  judge: (question: QuestionedToken) => Promise<TokenVerdict>;
  /** Calls of the session directory and of access control, in order. */
  readonly calls: string[];
  readonly journal: object[];
  readonly faults: { where: string; error: unknown }[];
}

/** Knows the people and clients of the sessions that have a grant. */
export function situation(...sessions: LiveSession[]): Situation {
  const live = new Map(sessions.map((session) => [session.id, session]));
  const calls: string[] = [];
  const journal: object[] = [];
  const faults: { where: string; error: unknown }[] = [];
  const grants = new Map(sessions.flatMap((one) => (one.grant === undefined ? [] : [[one.grant, one]])));
  const end = (isConcerned: (session: LiveSession) => boolean): { known: boolean; grants: number } => {
    const ended = [...grants].filter(([, session]) => isConcerned(session));
    for (const [handle, session] of ended) {
      grants.delete(handle);
      live.delete(session.id);
    }
    return { known: ended.length > 0, grants: ended.length };
  };
  const access: AccessControl = {
    async endGrant(handle, options) {
      calls.push(`endGrant ${handle} ${JSON.stringify(options)}`);
      return end(({ grant }) => grant === handle);
    },
    async endClient(clientId, options) {
      calls.push(`endClient ${clientId} ${JSON.stringify(options)}`);
      return end(({ client }) => client === clientId);
    },
    async endToken({ issuer, tokenId }, options) {
      calls.push(`endToken ${issuer} ${tokenId} ${JSON.stringify(options)}`);
      return { known: true, grants: 0 };
    },
    async endPerson({ address }, options) {
      calls.push(`endPerson ${address} ${JSON.stringify(options)}`);
      return end(({ addresses }) => addresses?.includes(address) === true);
    },
    async enablePerson({ address }, options) {
      calls.push(`enablePerson ${address} ${JSON.stringify(options)}`);
      return { known: address === ALICE.user, grants: 0 };
    },
  };
  const refusals = new Map<string, readonly KnownRefusal[]>();
  const door: Situation = {
    live,
    refusals,
    judge: async () => Promise.reject(new Error('no judge')),
    explanations: {
      refusalsOf: (session) => refusals.get(session) ?? [],
      judge: (question) => door.judge(question),
    },
    calls,
    journal,
    faults,
    access,
    sessions: {
      list: async () => [...live.values()],
      async end(id, cause) {
        calls.push(`end ${id} ${cause}`);
        return live.delete(id);
      },
    },
    audit: {
      administrationUsed: (fields) => void journal.push(fields),
      fault: (fields) => void faults.push(fields),
    },
  };
  return door;
}
