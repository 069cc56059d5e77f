// Owns how the OAuth server's sessions, grants, codes and refresh tokens are kept.

import {
  type Expression,
  type ExpressionBuilder,
  type Kysely,
  type Selectable,
  type SqlBool,
  sql,
} from 'kysely';
import type { Artifact, ArtifactMark, ArtifactStore } from '../authorization/stores.ts';
import { removeExpiredRows } from './expired.ts';
import type { Tables } from './schema.ts';

export function createArtifactStore(database: Kysely<Tables>): ArtifactStore {
  return {
    async put(model, id, artifact) {
      const content = {
        payload: artifact.payload,
        grant_id: artifact.grantId ?? null,
        uid: artifact.uid ?? null,
        user_code: artifact.userCode ?? null,
        account_id: artifact.accountId ?? null,
        client_id: artifact.clientId ?? null,
        idp_session: artifact.idpSession ?? null,
        expires_at: artifact.expiresAt ?? null,
      };
      await database
        .insertInto('artifacts')
        .values({ model, id, ...content, consumed_at: null })
        // consumed_at stays: writing a code or token again must not make it usable again.
        .onConflict((conflict) => conflict.columns(['model', 'id']).doUpdateSet(content))
        .execute();
    },
    async find(model, id, now) {
      return artifactOf(await live(database, model, now).where('id', '=', id).executeTakeFirst());
    },
    async findByUid(model, uid, now) {
      return artifactOf(await live(database, model, now).where('uid', '=', uid).executeTakeFirst());
    },
    async findByUserCode(model, userCode, now) {
      return artifactOf(
        await live(database, model, now).where('user_code', '=', userCode).executeTakeFirst(),
      );
    },
    async list(model, mark, { now, after, limit }) {
      const rows = await live(database, model, now)
        .where((eb) => isMarked(eb, mark))
        .where('id', '>', after)
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map((row) => ({ ...fieldsOf(row), id: row.id }));
    },
    async consume(model, id, now) {
      const result = await database
        .updateTable('artifacts')
        .set({ consumed_at: now })
        .where('model', '=', model)
        .where('id', '=', id)
        .where('consumed_at', 'is', null)
        .where((eb) => notExpired(eb, now))
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
    async remove(model, id) {
      await database.deleteFrom('artifacts').where('model', '=', model).where('id', '=', id).execute();
    },
    async removeByGrant(model, grantId) {
      await database
        .deleteFrom('artifacts')
        .where('model', '=', model)
        .where('grant_id', '=', grantId)
        .execute();
    },
    removeExpired: (now) => removeExpiredRows(database, { table: 'artifacts', key: ['model', 'id'], now }),
  };
}

function live(database: Kysely<Tables>, model: string, now: number) {
  return database
    .selectFrom('artifacts')
    .selectAll()
    .where('model', '=', model)
    .where((eb) => notExpired(eb, now));
}

function isMarked(eb: ExpressionBuilder<Tables, 'artifacts'>, mark: ArtifactMark): Expression<SqlBool> {
  if ('accountId' in mark) return eb('account_id', '=', mark.accountId);
  if ('clientId' in mark) return eb('client_id', '=', mark.clientId);
  if ('idpSession' in mark) return eb('idp_session', '=', mark.idpSession);
  if ('uid' in mark) return eb('uid', '=', mark.uid);
  return eb(sql<string>`substr(id, 1, 16)`, '=', mark.idBeginning);
}

function notExpired(eb: ExpressionBuilder<Tables, 'artifacts'>, now: number): Expression<SqlBool> {
  return eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]);
}

function artifactOf(row: Selectable<Tables['artifacts']> | undefined): Artifact | undefined {
  return row === undefined ? undefined : fieldsOf(row);
}

function fieldsOf(row: Selectable<Tables['artifacts']>): Artifact {
  return {
    payload: row.payload,
    grantId: row.grant_id ?? undefined,
    uid: row.uid ?? undefined,
    userCode: row.user_code ?? undefined,
    ...(row.account_id === null ? {} : { accountId: row.account_id }),
    ...(row.client_id === null ? {} : { clientId: row.client_id }),
    ...(row.idp_session === null ? {} : { idpSession: row.idp_session }),
    expiresAt: row.expires_at ?? undefined,
    consumedAt: row.consumed_at ?? undefined,
  };
}
