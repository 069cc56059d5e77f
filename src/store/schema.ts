// Owns the shape of the tables as the queries see them. Times are seconds since the epoch, lists are JSON text.

import type { RevokedKind } from '../token/withdrawal/revocation-store.ts';

interface SigningKeysTable {
  id: string;
  private_jwk: string;
  created_at: number;
}

interface RevocationsTable {
  kind: RevokedKind;
  id: string;
  expires_at: number;
  issued_before: number | null;
  cause: string | null;
  sequence: number;
}

interface AccountsTable {
  id: string;
  idp_issuer: string;
  idp_subject: string;
  addresses: string;
  groups: string;
  name: string | null;
  /** 0 or 1: SQLite knows no boolean. */
  disabled: number;
  updated_at: number;
}

interface ArtifactsTable {
  model: string;
  id: string;
  payload: string;
  grant_id: string | null;
  uid: string | null;
  user_code: string | null;
  account_id: string | null;
  client_id: string | null;
  idp_session: string | null;
  expires_at: number | null;
  consumed_at: number | null;
}

interface TicketKeysTable {
  starts_at: number;
  expires_at: number;
  key: string;
}

export interface Tables {
  signing_keys: SigningKeysTable;
  revocations: RevocationsTable;
  accounts: AccountsTable;
  artifacts: ArtifactsTable;
  ticket_keys: TicketKeysTable;
}
