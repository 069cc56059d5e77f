// Owns how revocations are kept.

import { type ExpressionBuilder, type Kysely, sql } from 'kysely';
import type { RevocationStore } from '../token/withdrawal/revocation-store.ts';
import { removeExpiredRows } from './expired.ts';
import type { Tables } from './schema.ts';

export function createRevocationStore(database: Kysely<Tables>): RevocationStore {
  return {
    async add({ kind, id, expiresAt, issuedBefore, cause }) {
      await database
        .insertInto('revocations')
        .values((eb) => ({
          kind,
          id,
          expires_at: expiresAt,
          issued_before: issuedBefore ?? null,
          cause: cause ?? null,
          sequence: next(eb),
        }))
        .onConflict((conflict) =>
          conflict.columns(['kind', 'id']).doUpdateSet((eb) => ({
            // A shorter reach that comes late must not bring a revoked token back. No `issued_before` means every token.
            expires_at: sql<number>`max(excluded.expires_at, revocations.expires_at)`,
            issued_before: sql<number>`max(excluded.issued_before, revocations.issued_before)`,
            cause: eb.ref('excluded.cause'),
            sequence: next(eb),
          })),
        )
        .execute();
    },
    async listLive(now, sequence) {
      const rows = await database
        .selectFrom('revocations')
        .selectAll()
        .where('expires_at', '>', now)
        .where('sequence', '>', sequence)
        .orderBy('sequence')
        .execute();
      return rows.map((row) => ({
        kind: row.kind,
        id: row.id,
        expiresAt: row.expires_at,
        ...(row.issued_before === null ? {} : { issuedBefore: row.issued_before }),
        ...(row.cause === null ? {} : { cause: row.cause }),
        sequence: row.sequence,
      }));
    },
    removeExpired: (now) => removeExpiredRows(database, { table: 'revocations', key: ['kind', 'id'], now }),
  };
}

/** Readers ask for what came after the last number they saw. */
function next(eb: ExpressionBuilder<Tables, 'revocations'>) {
  return eb.selectFrom('revocations').select(sql<number>`coalesce(max(sequence), 0) + 1`.as('next'));
}
