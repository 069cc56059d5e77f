// Owns the sweep of rows whose time is over, in pieces: SQLite works in the same thread as everything else, and a flood of them
// would hold up mail for seconds.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import type { Tables } from './schema.ts';

/** Rows deleted in one statement; an artifact has a payload and seven indexes. */
const PIECE = { artifacts: 500, revocations: 2_000 };

/**
 * @param expired.key the columns that name a row
 * @param expired.now seconds since the epoch
 * @returns how many rows were removed
 */
export async function removeExpiredRows(
  database: Kysely<Tables>,
  expired: {
    readonly table: keyof typeof PIECE;
    readonly key: readonly [string, string];
    readonly now: number;
  },
): Promise<number> {
  const piece = PIECE[expired.table];
  const table = sql.table(expired.table);
  const key = sql.join(expired.key.map((column) => sql.ref(column)));
  let removed = 0;
  for (let more = true; more; ) {
    const result = await sql`
      delete from ${table} where (${key}) in (
        select ${key} from ${table} where expires_at <= ${expired.now} limit ${piece}
      )`.execute(database);
    const count = Number(result.numAffectedRows ?? 0);
    removed += count;
    more = count === piece;
    if (more) await nextTurn();
  }
  return removed;
}
