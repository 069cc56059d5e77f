// Owns in-memory forms of the stores that the browser's door and its tokens need.

import { sameAddress } from '../../src/address.ts';
import type { AccountStore, Artifact, ArtifactStore } from '../../src/authorization/stores.ts';
import type { Account } from '../../src/token/account.ts';
import type { KeyStore, StoredKey } from '../../src/token/keys/key-store.ts';
import type { KeptRevocation, RevocationStore } from '../../src/token/withdrawal/revocation-store.ts';

export interface MemoryArtifacts extends ArtifactStore {
  /** Everything kept, as text: to search it for what must not be there. */
  dump(): string;
  count(model: string): number;
}

export function memoryArtifacts(): MemoryArtifacts {
  const rows = new Map<string, Artifact & { readonly model: string }>();
  const key = (model: string, id: string) => `${model} ${id}`;
  const live = (row: Artifact | undefined, now: number) => {
    return row === undefined || (row.expiresAt ?? Infinity) <= now ? undefined : row;
  };
  const search = (model: string, now: number, matches: (row: Artifact) => boolean) => {
    return live(
      [...rows.values()].find((row) => row.model === model && matches(row)),
      now,
    );
  };
  return {
    async put(model, id, artifact) {
      // As the tables have it: writing again does not make usable again.
      rows.set(key(model, id), { ...artifact, consumedAt: rows.get(key(model, id))?.consumedAt, model });
    },
    async find(model, id, now) {
      return live(rows.get(key(model, id)), now);
    },
    async findByUid(model, uid, now) {
      return search(model, now, (row) => row.uid === uid);
    },
    async findByUserCode(model, userCode, now) {
      return search(model, now, (row) => row.userCode === userCode);
    },
    async list(model, mark, { now, after, limit }) {
      const idOf = (text: string) => text.slice(model.length + 1);
      return [...rows]
        .filter(([, row]) => row.model === model && live(row, now) !== undefined)
        .map(([text, { model: _model, ...row }]) => ({ ...row, id: idOf(text) }))
        .filter((row) => row.id > after)
        .filter((row) => {
          if ('idBeginning' in mark) return row.id.slice(0, 16) === mark.idBeginning;
          return Object.entries(mark).every(([name, value]) => row[name as 'uid'] === value);
        })
        .sort((one, other) => (one.id < other.id ? -1 : 1))
        .slice(0, limit);
    },
    async consume(model, id, now) {
      const row = rows.get(key(model, id));
      if (row === undefined || row.consumedAt !== undefined) return false;
      rows.set(key(model, id), { ...row, consumedAt: now });
      return true;
    },
    async remove(model, id) {
      rows.delete(key(model, id));
    },
    async removeByGrant(model, grantId) {
      for (const [id, row] of rows) if (row.model === model && row.grantId === grantId) rows.delete(id);
    },
    async removeExpired(now) {
      const expired = [...rows].filter(([, row]) => live(row, now) === undefined);
      for (const [id] of expired) rows.delete(id);
      return expired.length;
    },
    dump: () => JSON.stringify([...rows]),
    count: (model) => [...rows.values()].filter((row) => row.model === model).length,
  };
}

export interface MemoryAccounts extends AccountStore {
  all(): Account[];
  disable(id: string): void;
}

export function memoryAccounts(): MemoryAccounts {
  const accounts = new Map<string, Account>();
  return {
    async find(id) {
      return accounts.get(id);
    },
    async upsert(person, newId) {
      const known = [...accounts.values()].find(({ idpIssuer, idpSubject }) => {
        return idpIssuer === person.idpIssuer && idpSubject === person.idpSubject;
      });
      const account = { ...person, id: known?.id ?? newId, disabled: known?.disabled ?? false };
      accounts.set(account.id, account);
      return account;
    },
    async findByPerson(idpIssuer, idpSubject) {
      return [...accounts.values()].find(
        (account) => account.idpIssuer === idpIssuer && account.idpSubject === idpSubject,
      );
    },
    async findByAddress(address) {
      return [...accounts.values()].filter(({ addresses }) =>
        addresses.some((one) => sameAddress(one, address)),
      );
    },
    async setDisabled(id, disabled) {
      const account = accounts.get(id);
      if (account === undefined || account.disabled === disabled) return false;
      accounts.set(id, { ...account, disabled });
      return true;
    },
    all: () => [...accounts.values()],
    disable(id) {
      const account = accounts.get(id);
      if (account !== undefined) accounts.set(id, { ...account, disabled: true });
    },
  };
}

export function memoryKeys(): KeyStore {
  const keys: StoredKey[] = [];
  return {
    async list() {
      return [...keys];
    },
    async addUnlessNewer(key, newerThan) {
      if (keys.some(({ createdAt }) => createdAt >= newerThan)) return false;
      keys.push(key);
      return true;
    },
    async remove(id) {
      keys.splice(0, keys.length, ...keys.filter((key) => key.id !== id));
    },
  };
}

export function memoryRevocations(): RevocationStore {
  const revocations = new Map<string, KeptRevocation>();
  let sequence = 0;
  return {
    async add(revocation) {
      sequence += 1;
      revocations.set(`${revocation.kind} ${revocation.id}`, { ...revocation, sequence });
    },
    async listLive(now, after) {
      return [...revocations.values()].filter((row) => row.expiresAt > now && row.sequence > after);
    },
    async removeExpired() {
      return 0;
    },
  };
}
