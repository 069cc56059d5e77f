// What every form of the store must do; run once for each (sqlite.test.ts, later PostgreSQL).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Artifact, ArtifactMark, SignedInPerson } from '../../src/authorization/stores.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import type { StoreSettings } from '../../src/store/settings.ts';

/** An empty store to work on. */
export interface StorePlace {
  readonly settings: StoreSettings;
  remove(): Promise<void>;
}

const NOW = 1_800_000_000;
const artifact = (values: Partial<Artifact> = {}): Omit<Artifact, 'consumedAt'> => ({
  payload: '{"a":1}',
  grantId: undefined,
  uid: undefined,
  userCode: undefined,
  expiresAt: NOW + 60,
  ...values,
});
const person = (values: Partial<SignedInPerson> = {}): SignedInPerson => ({
  idpIssuer: 'https://idp.example',
  idpSubject: 'subject-1',
  addresses: ['alice@example.org', 'a.smith@example.org'],
  groups: ['staff'],
  name: 'Alice Söderström',
  updatedAt: NOW,
  ...values,
});
const key = (id: string, createdAt: number) => ({ id, privateJwk: `{"kid":"${id}"}`, createdAt });

export function storeSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(name, () => {
    let place: StorePlace;
    let store: Store;

    beforeEach(async () => {
      place = await makePlace();
      store = await openStore(place);
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    /** A second handle on the same store, as another node would hold it. */
    async function another(): Promise<Store> {
      const second = await openStore(place);
      onTestFinished(() => second.close());
      return second;
    }

    describe('keys', () => {
      test('are listed oldest first and removed by id', async () => {
        expect(await store.keys.list()).toEqual([]);
        expect(await store.keys.addUnlessNewer(key('b', 200), 200)).toBe(true);
        expect(await store.keys.addUnlessNewer(key('a', 300), 300)).toBe(true);
        expect(await store.keys.addUnlessNewer(key('c', 100), 301)).toBe(true);
        expect(await store.keys.list()).toEqual([key('c', 100), key('b', 200), key('a', 300)]);
        await store.keys.remove('b');
        await store.keys.remove('unknown');
        expect((await store.keys.list()).map(({ id }) => id)).toEqual(['c', 'a']);
      });

      test('are added only where none was made at or after the given time', async () => {
        await store.keys.addUnlessNewer(key('a', 100), 0);
        expect(await store.keys.addUnlessNewer(key('b', 200), 99)).toBe(false);
        expect(await store.keys.addUnlessNewer(key('b', 200), 100)).toBe(false);
        expect(await store.keys.addUnlessNewer(key('b', 200), 101)).toBe(true);
        expect(await store.keys.list()).toHaveLength(2);
      });

      test('are made once however many handles rotate at once', async () => {
        const second = await another();
        const added = await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            (i % 2 ? store : second).keys.addUnlessNewer(key(`k${i}`, 500), 400),
          ),
        );
        expect(added.filter(Boolean)).toHaveLength(1);
        expect(await second.keys.list()).toHaveLength(1);
      });
    });

    describe('revocations', () => {
      test('live until they expire and are dropped after that', async () => {
        await store.revocations.add({ kind: 'token', id: 'x', expiresAt: NOW + 10 });
        await store.revocations.add({ kind: 'grant', id: 'x', expiresAt: NOW + 20 });
        expect(await store.revocations.listLive(NOW, 0)).toEqual([
          { kind: 'token', id: 'x', expiresAt: NOW + 10, sequence: 1 },
          { kind: 'grant', id: 'x', expiresAt: NOW + 20, sequence: 2 },
        ]);
        expect(await store.revocations.listLive(NOW + 10, 0)).toHaveLength(1);
        expect(await store.revocations.removeExpired(NOW + 10)).toBe(1);
        expect(await store.revocations.removeExpired(NOW + 10)).toBe(0);
        expect(await store.revocations.listLive(0, 0)).toEqual([
          { kind: 'grant', id: 'x', expiresAt: NOW + 20, sequence: 2 },
        ]);
      });

      test('may be asked for from a place on, changed ones among them', async () => {
        for (const id of ['a', 'b', 'c'])
          await store.revocations.add({ kind: 'token', id, expiresAt: NOW + 10 });
        await store.revocations.add({ kind: 'token', id: 'a', expiresAt: NOW + 20 });
        expect((await store.revocations.listLive(NOW, 2)).map(({ id }) => id)).toEqual(['c', 'a']);
      });

      test('of a subject keep how far they reach and why, the farther reach of two', async () => {
        const revocation = { kind: 'subject', id: 's', expiresAt: NOW + 10, cause: 'signed out' } as const;
        for (const issuedBefore of [NOW, NOW + 5, NOW + 3])
          await store.revocations.add({ ...revocation, issuedBefore });
        expect(await store.revocations.listLive(NOW, 0)).toMatchObject([
          { ...revocation, issuedBefore: NOW + 5 },
        ]);
        await store.revocations.add(revocation);
        expect((await store.revocations.listLive(NOW, 0))[0]?.issuedBefore).toBeUndefined();
      });

      test('of a flood are dropped to the last, and the others stay', async () => {
        for (let index = 0; index < 2_500; index += 1) {
          await store.revocations.add({ kind: 'token', id: `${index}`, expiresAt: NOW + 10 });
        }
        await store.revocations.add({ kind: 'token', id: 'later', expiresAt: NOW + 20 });
        expect(await store.revocations.removeExpired(NOW + 10)).toBe(2_500);
        expect((await store.revocations.listLive(0, 0)).map(({ id }) => id)).toEqual(['later']);
      });

      test('may be told twice; the later expiry stays', async () => {
        for (const expiresAt of [NOW + 10, NOW + 30, NOW + 20]) {
          await store.revocations.add({ kind: 'token', id: 'x', expiresAt });
        }
        expect(await store.revocations.listLive(NOW, 0)).toEqual([
          { kind: 'token', id: 'x', expiresAt: NOW + 30, sequence: 3 },
        ]);
      });

      test('of one handle are seen by another', async () => {
        const second = await another();
        await store.revocations.add({ kind: 'grant', id: 'g', expiresAt: NOW + 10 });
        expect(await second.revocations.listLive(NOW, 0)).toHaveLength(1);
      });
    });

    describe('accounts', () => {
      test('are found by id with everything the identity provider said', async () => {
        const made = await store.accounts.upsert(person(), 'id-1');
        expect(made).toEqual({ ...person(), id: 'id-1', disabled: false });
        expect(await store.accounts.find('id-1')).toEqual(made);
        expect(await store.accounts.find('id-2')).toBeUndefined();
      });

      test('keep their id when the person comes again, changed', async () => {
        await store.accounts.upsert(person(), 'id-1');
        const later = person({
          addresses: ['alice@example.net'],
          groups: [],
          name: undefined,
          updatedAt: NOW + 5,
        });
        expect(await store.accounts.upsert(later, 'id-2')).toEqual({ ...later, id: 'id-1', disabled: false });
        expect(await store.accounts.find('id-1')).toEqual({ ...later, id: 'id-1', disabled: false });
        expect(await store.accounts.find('id-2')).toBeUndefined();
      });

      test('of two issuers with one subject are two', async () => {
        await store.accounts.upsert(person(), 'id-1');
        await store.accounts.upsert(person({ idpIssuer: 'https://other.example' }), 'id-2');
        expect((await store.accounts.find('id-2'))?.idpIssuer).toBe('https://other.example');
      });

      test('are found by person and by address, in any spelling of it', async () => {
        await store.accounts.upsert(
          person({ addresses: ['Alice_B@Example.org', 'ab@bücher.example'] }),
          'id-1',
        );
        await store.accounts.upsert(person({ idpSubject: '2', addresses: ['aliceXb@example.org'] }), 'id-2');
        await store.accounts.upsert(person({ idpSubject: '3', addresses: ['alice_b@example.org'] }), 'id-3');
        await store.accounts.upsert(
          person({ idpSubject: '4', addresses: ['"q u"@example.org', '"quoted"@example.org'] }),
          'id-4',
        );
        const found = async (address: string) =>
          (await store.accounts.findByAddress(address)).map(({ id }) => id).sort();
        expect(await found('alice_b@EXAMPLE.org')).toEqual(['id-1', 'id-3']);
        expect(await found('ab@xn--bcher-kva.example')).toEqual(['id-1']);
        expect(await found('quoted@example.org')).toEqual(['id-4']);
        expect(await found('b@example.org')).toEqual([]);
        expect(await found('%@example.org')).toEqual([]);
        expect(await found('example.org')).toEqual([]);
        expect((await store.accounts.findByPerson('https://idp.example', '2'))?.id).toBe('id-2');
        expect(await store.accounts.findByPerson('https://other.example', '2')).toBeUndefined();
      });

      test('are disabled until enabled, whoever signs in meanwhile', async () => {
        await store.accounts.upsert(person(), 'id-1');
        expect(await store.accounts.setDisabled('id-1', true)).toBe(true);
        expect(await store.accounts.setDisabled('id-1', true)).toBe(false);
        expect(await store.accounts.upsert(person(), 'id-2')).toMatchObject({ id: 'id-1', disabled: true });
        expect(await store.accounts.setDisabled('id-1', false)).toBe(true);
        expect(await store.accounts.find('id-1')).toMatchObject({ disabled: false });
        expect(await store.accounts.setDisabled('id-9', true)).toBe(false);
      });

      test('of one person are one, however many sign-ins happen at once', async () => {
        const second = await another();
        const accounts = await Promise.all(
          Array.from({ length: 10 }, (_, i) => (i % 2 ? store : second).accounts.upsert(person(), `id-${i}`)),
        );
        expect(new Set(accounts.map(({ id }) => id)).size).toBe(1);
      });
    });

    describe('artifacts', () => {
      test('come back as they were put, by id, uid and user code, each within its model', async () => {
        const whole = artifact({ grantId: 'g', uid: 'u', userCode: 'ABCD', payload: '{"text":"ü \\u0000"}' });
        await store.artifacts.put('Session', '1', whole);
        const expected = { ...whole, consumedAt: undefined };
        expect(await store.artifacts.find('Session', '1', NOW)).toEqual(expected);
        expect(await store.artifacts.findByUid('Session', 'u', NOW)).toEqual(expected);
        expect(await store.artifacts.findByUserCode('Session', 'ABCD', NOW)).toEqual(expected);
        expect(await store.artifacts.find('Grant', '1', NOW)).toBeUndefined();
        expect(await store.artifacts.findByUid('Grant', 'u', NOW)).toBeUndefined();
        expect(await store.artifacts.findByUserCode('Grant', 'ABCD', NOW)).toBeUndefined();
      });

      test('are replaced by a second put', async () => {
        await store.artifacts.put('Session', '1', artifact({ uid: 'u' }));
        await store.artifacts.put('Session', '1', artifact({ payload: '{}', expiresAt: undefined }));
        expect(await store.artifacts.find('Session', '1', NOW + 1e6)).toMatchObject({
          payload: '{}',
          uid: undefined,
        });
      });

      test('are listed by whose they are, page by page, without what has expired', async () => {
        const { artifacts } = store;
        const marks = { accountId: 'alice', clientId: 'c', idpSession: 's', uid: 'u' };
        for (const id of ['c', 'a', 'b'])
          await artifacts.put('Grant', `handle-of-16-cha${id}`, artifact(marks));
        await artifacts.put('Grant', 'expired', artifact({ ...marks, expiresAt: NOW }));
        await artifacts.put(
          'Grant',
          'of-bob',
          artifact({ accountId: 'bob', clientId: 'd', idpSession: 't', uid: 'v' }),
        );
        await artifacts.put('Grant', 'unmarked', artifact());
        await artifacts.put('Session', 'handle-of-16-chad', artifact(marks));
        const list = async (mark: ArtifactMark, after = '', limit = 9) => {
          const rows = await artifacts.list('Grant', mark, { now: NOW, after, limit });
          return rows.map(({ id }) => id.slice(-1));
        };
        for (const [name, value] of Object.entries(marks)) {
          expect(await list({ [name]: value } as unknown as ArtifactMark), name).toEqual(['a', 'b', 'c']);
        }
        expect(await list({ accountId: 'alice' }, '', 2)).toEqual(['a', 'b']);
        expect(await list({ accountId: 'alice' }, 'handle-of-16-chab')).toEqual(['c']);
        expect(await list({ idBeginning: 'handle-of-16-cha' })).toEqual(['a', 'b', 'c']);
        expect(await list({ idBeginning: 'handle-of-16-ch_' })).toEqual([]);
        expect(
          await artifacts.list('Grant', { accountId: 'bob' }, { now: NOW, after: '', limit: 9 }),
        ).toEqual([
          {
            ...artifact({ accountId: 'bob', clientId: 'd', idpSession: 't', uid: 'v' }),
            id: 'of-bob',
            consumedAt: undefined,
          },
        ]);
      });

      test('are not found once expired, in no way', async () => {
        await store.artifacts.put('Code', '1', artifact({ uid: 'u', userCode: 'c' }));
        expect(await store.artifacts.find('Code', '1', NOW + 59)).toBeDefined();
        expect(await store.artifacts.find('Code', '1', NOW + 60)).toBeUndefined();
        expect(await store.artifacts.findByUid('Code', 'u', NOW + 60)).toBeUndefined();
        expect(await store.artifacts.findByUserCode('Code', 'c', NOW + 60)).toBeUndefined();
        expect(await store.artifacts.consume('Code', '1', NOW + 60)).toBe(false);
      });

      test('are consumed once, however many try', async () => {
        const second = await another();
        await store.artifacts.put('Code', '1', artifact());
        const consumed = await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            (i % 2 ? store : second).artifacts.consume('Code', '1', NOW + i),
          ),
        );
        expect(consumed.filter(Boolean)).toHaveLength(1);
        expect(await store.artifacts.consume('Code', '1', NOW)).toBe(false);
        expect(await store.artifacts.consume('Code', 'unknown', NOW)).toBe(false);
        expect((await store.artifacts.find('Code', '1', NOW))?.consumedAt).toBe(NOW + consumed.indexOf(true));
      });

      test('stay consumed when put again', async () => {
        await store.artifacts.put('Code', '1', artifact());
        await store.artifacts.consume('Code', '1', NOW);
        await store.artifacts.put('Code', '1', artifact({ payload: '{"again":true}' }));
        expect(await store.artifacts.find('Code', '1', NOW)).toMatchObject({
          payload: '{"again":true}',
          consumedAt: NOW,
        });
        expect(await store.artifacts.consume('Code', '1', NOW)).toBe(false);
      });

      test('are removed by id, by grant and by age, and no others with them', async () => {
        await store.artifacts.put('Token', '1', artifact({ grantId: 'g' }));
        await store.artifacts.put('Token', '2', artifact({ grantId: 'g' }));
        await store.artifacts.put('Token', '3', artifact({ grantId: 'h' }));
        await store.artifacts.put('Grant', 'g', artifact({ grantId: 'g', expiresAt: undefined }));
        await store.artifacts.removeByGrant('Token', 'g');
        await store.artifacts.remove('Token', 'unknown');
        const left = async () =>
          Promise.all(
            [
              ['Token', '1'],
              ['Token', '2'],
              ['Token', '3'],
              ['Grant', 'g'],
            ].map(async ([model = '', id = '']) => (await store.artifacts.find(model, id, 0)) !== undefined),
          );
        expect(await left()).toEqual([false, false, true, true]);
        expect(await store.artifacts.removeExpired(NOW + 60)).toBe(1);
        expect(await left()).toEqual([false, false, false, true]);
        await store.artifacts.remove('Grant', 'g');
        expect(await left()).toEqual([false, false, false, false]);
      });

      test('of a flood are dropped to the last, others have their turn meanwhile, and the rest stays', async () => {
        for (let index = 0; index < 1_600; index += 1) {
          await store.artifacts.put(index % 2 ? 'One' : 'Two', `${index}`, artifact({ expiresAt: NOW + 10 }));
        }
        await store.artifacts.put('One', 'later', artifact({ expiresAt: NOW + 20 }));
        await store.artifacts.put('One', 'for ever', artifact({ expiresAt: undefined }));
        let turns = 0;
        let over = false;
        const take = () => {
          turns += 1;
          if (!over) setImmediate(take);
        };
        setImmediate(take);
        expect(await store.artifacts.removeExpired(NOW + 10)).toBe(1_600);
        over = true;
        expect(turns).toBeGreaterThanOrEqual(3);
        expect(await store.artifacts.removeExpired(NOW + 10)).toBe(0);
        expect(await store.artifacts.find('One', 'later', NOW)).toBeDefined();
        expect(await store.artifacts.find('One', 'for ever', NOW)).toBeDefined();
      });
    });

    describe('ticket keys', () => {
      const ticketKey = (startsAt: number, text: string, life = 200) => ({
        startsAt,
        expiresAt: startsAt + life,
        key: text,
      });

      test('are listed in the order of their start until they expire', async () => {
        expect(await store.ticketKeys.listLive(NOW)).toEqual([]);
        await store.ticketKeys.addMissing([]);
        await store.ticketKeys.addMissing([ticketKey(NOW + 100, 'next'), ticketKey(NOW, 'current')]);
        await store.ticketKeys.addMissing([ticketKey(NOW - 100, 'previous')]);
        const texts = async (now: number) =>
          (await store.ticketKeys.listLive(now)).map(({ key: text }) => text);
        expect(await texts(NOW)).toEqual(['previous', 'current', 'next']);
        expect(await texts(NOW + 99)).toEqual(['previous', 'current', 'next']);
        expect(await texts(NOW + 100)).toEqual(['current', 'next']);
        expect((await store.ticketKeys.listLive(NOW))[1]).toEqual(ticketKey(NOW, 'current'));
        expect(await store.ticketKeys.removeExpired(NOW + 100)).toBe(1);
        expect(await texts(0)).toEqual(['current', 'next']);
      });

      test('stay as they are where another comes with the same start', async () => {
        await store.ticketKeys.addMissing([ticketKey(NOW, 'first')]);
        await store.ticketKeys.addMissing([ticketKey(NOW, 'second', 900), ticketKey(NOW + 100, 'next')]);
        expect(await store.ticketKeys.listLive(NOW)).toEqual([
          ticketKey(NOW, 'first'),
          ticketKey(NOW + 100, 'next'),
        ]);
      });

      test('are one set, however many handles make them at once', async () => {
        const second = await another();
        const handles = Array.from({ length: 20 }, (_, i) => (i % 2 ? store : second).ticketKeys);
        const seen = await Promise.all(
          handles.map(async (ticketKeys, i) => {
            await ticketKeys.addMissing([ticketKey(NOW, `current ${i}`), ticketKey(NOW + 100, `next ${i}`)]);
            return JSON.stringify(await ticketKeys.listLive(NOW));
          }),
        );
        expect(new Set(seen).size).toBe(1);
      });
    });

    test('everything is there after closing and opening again', async () => {
      await store.keys.addUnlessNewer(key('a', 100), 0);
      await store.accounts.upsert(person(), 'id-1');
      await store.artifacts.put('Grant', 'g', artifact());
      await store.close();
      store = await openStore(place);
      await store.ready();
      expect(await store.keys.list()).toHaveLength(1);
      expect(await store.accounts.find('id-1')).toBeDefined();
      expect(await store.artifacts.find('Grant', 'g', NOW)).toBeDefined();
    });

    test('everything acknowledged is there after kill -9', async () => {
      const acknowledged = await killedWriter(place.settings, 150);
      const second = await another();
      const revoked = new Set((await second.revocations.listLive(0, 0)).map(({ id }) => id));
      const missing = [];
      for (const id of acknowledged) {
        const kept = await second.artifacts.find('Token', id, 0);
        if (kept?.consumedAt === undefined || !revoked.has(id)) {
          missing.push(id);
        }
      }
      expect(acknowledged.length).toBeGreaterThanOrEqual(150);
      expect(missing).toEqual([]);
      expect(await second.accounts.find('account')).toBeDefined();
    });

    test('many processes may open an empty store and make its first key at once', async () => {
      const empty = await makePlace();
      onTestFinished(() => empty.remove());
      const outputs = await Promise.all(
        Array.from({ length: 4 }, (_, i) => outputOf(['first-key', JSON.stringify(empty.settings), `k${i}`])),
      );
      expect(outputs.map((output) => output.trim()).sort()).toEqual(['false', 'false', 'false', 'true']);
    });
  });
}

function start(parameters: string[]) {
  const script = new URL('writer.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function outputOf(parameters: string[]): Promise<string> {
  const child = start(parameters);
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
  }
  return output;
}

/** Lets another process write until it has acknowledged `count` rows, kills it in the middle, and gives what it acknowledged. */
async function killedWriter(settings: StoreSettings, count: number): Promise<string[]> {
  const child = start(['write', JSON.stringify(settings)]);
  const exited = once(child, 'exit');
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === count) {
      child.kill('SIGKILL');
    }
  }
  expect((await exited)[1]).toBe('SIGKILL');
  return acknowledged;
}
