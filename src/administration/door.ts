// Owns what the administration door needs of others: who is connected, and the ways to end access.

import type { AuditEvents } from '../audit/audit.ts';
import type { KnownRefusal } from '../explanation/refusal-memory.ts';
import type { QuestionedToken, TokenVerdict } from '../explanation/verdict.ts';

/** Where a session stands: between messages, after MAIL, or while a message's bytes or its last reply are awaited. */
export type SessionState = 'idle' | 'in-transaction' | 'in-message';

/** One signed-in mail client. */
export interface LiveSession {
  /** As in the journal and in every refusal. */
  readonly id: string;
  /** First address of the person or app. */
  readonly user: string;
  /** Every address it may send as, where the directory tells. */
  readonly addresses?: readonly string[] | undefined;
  /** `client_id` */
  readonly client?: string | undefined;
  /** Address of the client, without its port. */
  readonly peer: string;
  /** ISO 8601, UTC: when the client connected. */
  readonly since: string;
  readonly mechanism: string;
  /** Issuer of the token. */
  readonly issuer: string;
  /** Handle of the grant, for tokens of Postern's own. */
  readonly grant?: string | undefined;
  /** `jti`, never the token. */
  readonly tokenId?: string | undefined;
  /** Messages accepted. */
  readonly messages: number;
  readonly state: SessionState;
}

/** Who is connected: one process serves this from memory, several nodes will serve it through the store. */
export interface SessionDirectory {
  list(): Promise<readonly LiveSession[]>;
  /** False where there is no such session (any more). `cause` goes to the journal, not to the mail client. */
  end(sessionId: string, cause: string): Promise<boolean>;
}

/** What ending somebody's access came to. */
export interface Ended {
  /** Whether there is such a grant, client or person at all. */
  readonly known: boolean;
  /** Grants ended, each with its refresh tokens and access tokens. */
  readonly grants: number;
}

/** Ends access at its source, so that no new token comes of it, and revokes the tokens that are out. */
export interface AccessControl {
  endGrant(handle: string, options: { cause: string }): Promise<Ended>;
  endClient(clientId: string, options: { cause: string }): Promise<Ended>;
  /** One access token by its `jti`, of Postern's own or of an issuer trusted directly. */
  endToken(token: { issuer: string; tokenId: string }, options: { cause: string }): Promise<Ended>;
  /** With `disable` the person cannot sign in either, until enabled. */
  endPerson(who: { address: string }, options: { cause: string; disable?: boolean }): Promise<Ended>;
  enablePerson(who: { address: string }, options: { cause: string }): Promise<Ended>;
}

/** Why somebody could not sign in, or send. */
export interface Explanations {
  /** What a session was refused, the earliest first; empty where it is unknown, or forgotten. */
  refusalsOf(session: string): readonly KnownRefusal[];
  /** As the mail client's door judges at this moment. Rejects where that fails. */
  judge(question: QuestionedToken): Promise<TokenVerdict>;
}

/** What the door is built from. */
export interface AdministrationDoor {
  readonly sessions: SessionDirectory;
  readonly access: AccessControl;
  readonly explanations: Explanations;
  readonly audit: Pick<AuditEvents, 'administrationUsed' | 'fault'>;
}
