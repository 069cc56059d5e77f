// Owns the history of the tables. A migration that was released is never changed; the next one is added below it.

import type { Kysely, Migration } from 'kysely';

async function createTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('signing_keys')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('private_jwk', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();

  await db.schema
    .createTable('revocations')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('issued_before', 'bigint')
    .addColumn('cause', 'text')
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('revocations_key', ['kind', 'id'])
    .execute();
  await index(db, 'revocations', ['expires_at']);
  await index(db, 'revocations', ['sequence']);

  await db.schema
    .createTable('accounts')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('idp_issuer', 'text', (column) => column.notNull())
    .addColumn('idp_subject', 'text', (column) => column.notNull())
    .addColumn('addresses', 'text', (column) => column.notNull())
    .addColumn('groups', 'text', (column) => column.notNull())
    .addColumn('name', 'text')
    .addColumn('disabled', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addUniqueConstraint('accounts_person', ['idp_issuer', 'idp_subject'])
    .execute();

  await db.schema
    .createTable('artifacts')
    .addColumn('model', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('payload', 'text', (column) => column.notNull())
    .addColumn('grant_id', 'text')
    .addColumn('uid', 'text')
    .addColumn('user_code', 'text')
    .addColumn('account_id', 'text')
    .addColumn('client_id', 'text')
    .addColumn('idp_session', 'text')
    .addColumn('expires_at', 'bigint')
    .addColumn('consumed_at', 'bigint')
    .addPrimaryKeyConstraint('artifacts_key', ['model', 'id'])
    .execute();
  await index(db, 'artifacts', ['model', 'grant_id']);
  await index(db, 'artifacts', ['model', 'uid']);
  await index(db, 'artifacts', ['model', 'user_code']);
  await index(db, 'artifacts', ['model', 'account_id', 'id']);
  await index(db, 'artifacts', ['model', 'client_id', 'id']);
  await index(db, 'artifacts', ['model', 'idp_session', 'id']);
  await index(db, 'artifacts', ['expires_at']);
}

/** Keys under which every process of this store resumes TLS sessions. */
async function createTicketKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('ticket_keys')
    .addColumn('starts_at', 'bigint', (column) => column.primaryKey().notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .execute();
}

async function index(db: Kysely<unknown>, table: string, columns: string[]): Promise<void> {
  await db.schema
    .createIndex([table, ...columns].join('_'))
    .on(table)
    .columns(columns)
    .execute();
}

/** In the order in which they are applied; Kysely sorts by name. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-tables': { up: createTables },
  '0002-ticket-keys': { up: createTicketKeys },
};
