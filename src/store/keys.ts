// Owns how signing keys are kept.

import type { Kysely } from 'kysely';
import type { KeyStore, StoredKey } from '../token/keys/key-store.ts';
import type { Tables } from './schema.ts';

export function createKeyStore(database: Kysely<Tables>): KeyStore {
  return {
    async list() {
      const rows = await database
        .selectFrom('signing_keys')
        .selectAll()
        .orderBy('created_at')
        .orderBy('id')
        .execute();
      return rows.map(
        (row): StoredKey => ({ id: row.id, privateJwk: row.private_jwk, createdAt: row.created_at }),
      );
    },
    // One statement decides and writes: of many nodes that rotate at once, one wins.
    async addUnlessNewer(key, newerThan) {
      const result = await database
        .insertInto('signing_keys')
        .columns(['id', 'private_jwk', 'created_at'])
        .expression(
          database
            .selectNoFrom((eb) => [
              eb.val(key.id).as('id'),
              eb.val(key.privateJwk).as('private_jwk'),
              eb.val(key.createdAt).as('created_at'),
            ])
            .where(({ not, exists }) =>
              not(
                exists(database.selectFrom('signing_keys').select('id').where('created_at', '>=', newerThan)),
              ),
            ),
        )
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    async remove(id) {
      await database.deleteFrom('signing_keys').where('id', '=', id).execute();
    },
  };
}
