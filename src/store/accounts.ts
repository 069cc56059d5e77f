// Owns how the people known to Postern's own issuer are kept.

import { type Kysely, type Selectable, sql } from 'kysely';
import { addressKey } from '../address.ts';
import type { AccountStore } from '../authorization/stores.ts';
import type { Account } from '../token/account.ts';
import type { Tables } from './schema.ts';

export function createAccountStore(database: Kysely<Tables>): AccountStore {
  return {
    async find(id) {
      const row = await database.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? undefined : accountOf(row);
    },
    // One statement, so that two sign-ins of one person at once give one account. `disabled` is the operator's and stays.
    async upsert(person, newId) {
      const row = await database
        .insertInto('accounts')
        .values({
          id: newId,
          idp_issuer: person.idpIssuer,
          idp_subject: person.idpSubject,
          addresses: JSON.stringify(person.addresses),
          groups: JSON.stringify(person.groups),
          name: person.name ?? null,
          disabled: 0,
          updated_at: person.updatedAt,
        })
        .onConflict((conflict) =>
          conflict.columns(['idp_issuer', 'idp_subject']).doUpdateSet((eb) => ({
            addresses: eb.ref('excluded.addresses'),
            groups: eb.ref('excluded.groups'),
            name: eb.ref('excluded.name'),
            updated_at: eb.ref('excluded.updated_at'),
          })),
        )
        .returningAll()
        .executeTakeFirstOrThrow();
      return accountOf(row);
    },
    async findByPerson(idpIssuer, idpSubject) {
      const row = await database
        .selectFrom('accounts')
        .selectAll()
        .where('idp_issuer', '=', idpIssuer)
        .where('idp_subject', '=', idpSubject)
        .executeTakeFirst();
      return row === undefined ? undefined : accountOf(row);
    },
    // Rare, so without an index of its own: the database leaves out what surely differs, the noun decides.
    async findByAddress(address) {
      const key = addressKey(address);
      if (key === undefined) return [];
      const localPart = key.slice(0, key.lastIndexOf('@'));
      const rows = await database
        .selectFrom('accounts')
        .selectAll()
        .$if(PLAIN_LOCAL_PART.test(localPart), (query) =>
          query.where(sql<string>`lower(addresses)`, 'like', `%${localPart.replaceAll('_', '%')}%`),
        )
        .execute();
      return rows
        .map(accountOf)
        .filter((account) => account.addresses.some((one) => addressKey(one) === key));
    },
    async setDisabled(id, disabled) {
      const result = await database
        .updateTable('accounts')
        .set({ disabled: disabled ? 1 : 0 })
        .where('id', '=', id)
        .where('disabled', '=', disabled ? 0 : 1)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
  };
}

/** One that stands in the JSON text of the row as it is, or in quotes. `_` is a wildcard of LIKE, and so is its stand-in. */
const PLAIN_LOCAL_PART = /^[a-z0-9.+_-]+$/;

function accountOf(row: Selectable<Tables['accounts']>): Account {
  return {
    id: row.id,
    idpIssuer: row.idp_issuer,
    idpSubject: row.idp_subject,
    addresses: JSON.parse(row.addresses),
    groups: JSON.parse(row.groups),
    name: row.name ?? undefined,
    disabled: row.disabled !== 0,
    updatedAt: row.updated_at,
  };
}
