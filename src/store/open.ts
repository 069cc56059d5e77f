// Owns the opening of the store: file, migrations, and the five parts that the rest of Postern asks for.

import { type Kysely, sql } from 'kysely';
import type { AccountStore, ArtifactStore } from '../authorization/stores.ts';
import type { TicketKeyStore } from '../tls/ticket-key-store.ts';
import type { KeyStore } from '../token/keys/key-store.ts';
import type { RevocationStore } from '../token/withdrawal/revocation-store.ts';
import { createAccountStore } from './accounts.ts';
import { createArtifactStore } from './artifacts.ts';
import { createKeyStore } from './keys.ts';
import { migrate } from './migrate.ts';
import { createRevocationStore } from './revocations.ts';
import type { Tables } from './schema.ts';
import type { StoreSettings } from './settings.ts';
import { openSqlite } from './sqlite-file.ts';
import { createTicketKeyStore } from './ticket-keys.ts';

export interface Store {
  readonly keys: KeyStore;
  readonly revocations: RevocationStore;
  readonly accounts: AccountStore;
  readonly artifacts: ArtifactStore;
  readonly ticketKeys: TicketKeyStore;
  /** Rejects where the store cannot be read. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the store and brings its tables up to date. Rejects with a {@link StoreError} whose message is for the operator. */
export async function openStore({ settings }: { settings: StoreSettings }): Promise<Store> {
  const database = openSqlite(settings.sqlite);
  try {
    await migrate(database, settings.sqlite);
  } catch (error) {
    await database.destroy();
    throw error;
  }
  return storeOf(database);
}

function storeOf(database: Kysely<Tables>): Store {
  return {
    keys: createKeyStore(database),
    revocations: createRevocationStore(database),
    accounts: createAccountStore(database),
    artifacts: createArtifactStore(database),
    ticketKeys: createTicketKeyStore(database),
    async ready() {
      await sql`select 1 from signing_keys limit 1`.execute(database);
    },
    close: () => database.destroy(),
  };
}
