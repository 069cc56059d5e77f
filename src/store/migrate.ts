// Owns bringing the tables of a store up to date, and refusing a store that this version cannot read.

import { type Kysely, Migrator, sql } from 'kysely';
import { MIGRATIONS } from './migrations.ts';
import type { Tables } from './schema.ts';
import { StoreError } from './unusable.ts';

/** Where Kysely notes what it applied. */
export const MIGRATION_TABLE = 'kysely_migration';

/** @param place what the operator calls the store: its file. */
export async function migrate(database: Kysely<Tables>, place: string): Promise<void> {
  await refuseNewer(database, place);
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => MIGRATIONS } });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const failed = results?.find((result) => result.status === 'Error')?.migrationName;
    const step = failed === undefined ? '' : ` (step ${failed})`;
    throw new StoreError(
      `${place} could not be brought up to date${step}; nothing of that step was kept. ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Tables of a newer Postern may mean something else than this one thinks. */
async function refuseNewer(database: Kysely<Tables>, place: string): Promise<void> {
  const tables = await database.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === MIGRATION_TABLE)) {
    return;
  }
  const applied = await sql<{
    name: string;
  }>`select name from ${sql.table(MIGRATION_TABLE)} order by name`.execute(database);
  const unknown = applied.rows.map((row) => row.name).filter((name) => !Object.hasOwn(MIGRATIONS, name));
  if (unknown.length > 0) {
    throw new StoreError(
      `${place} was written by a newer version of Postern (it has ${unknown.join(', ')}); ` +
        'start that version or a newer one, or restore a backup from before the upgrade',
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
