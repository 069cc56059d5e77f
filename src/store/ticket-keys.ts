// Owns how session ticket keys are kept.

import type { Kysely } from 'kysely';
import type { TicketKeyStore } from '../tls/ticket-key-store.ts';
import type { Tables } from './schema.ts';

export function createTicketKeyStore(database: Kysely<Tables>): TicketKeyStore {
  return {
    async listLive(now) {
      const rows = await database
        .selectFrom('ticket_keys')
        .selectAll()
        .where('expires_at', '>', now)
        .orderBy('starts_at')
        .execute();
      return rows.map((row) => ({ startsAt: row.starts_at, expiresAt: row.expires_at, key: row.key }));
    },
    // Of many processes that make the key of one period, the first one's stays.
    async addMissing(keys) {
      if (keys.length === 0) return;
      await database
        .insertInto('ticket_keys')
        .values(
          keys.map(({ startsAt, expiresAt, key }) => ({ starts_at: startsAt, expires_at: expiresAt, key })),
        )
        .onConflict((conflict) => conflict.column('starts_at').doNothing())
        .execute();
    },
    async removeExpired(now) {
      const result = await database
        .deleteFrom('ticket_keys')
        .where('expires_at', '<=', now)
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
