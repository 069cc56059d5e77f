// The SQLite file itself: permissions, durability, and a clear word when it cannot be used.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../../src/store/open.ts';
import { openSqlite } from '../../../src/store/sqlite-file.ts';
import { StoreError } from '../../../src/store/unusable.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-sqlite-'));
  file = join(folder, 'state', 'postern.sqlite');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (path = file) => openStore({ settings: { sqlite: path } });
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

async function made(): Promise<void> {
  await (await open()).close();
}

/** Opens the file as another program would. */
function directly<T>(work: (database: DatabaseSync) => T, path = file): T {
  const database = new DatabaseSync(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

describe('a new store', () => {
  test('is for its owner alone: file, companions and folder', async () => {
    const previous = process.umask(0);
    onTestFinished(() => void process.umask(previous));
    const store = await open();
    await store.keys.addUnlessNewer({ id: 'a', privateJwk: '{}', createdAt: 1 }, 0);
    expect([mode(join(folder, 'state')), mode(file), mode(`${file}-wal`), mode(`${file}-shm`)]).toEqual([
      '700',
      '600',
      '600',
      '600',
    ]);
    await store.close();
  });

  // Neither can be seen from outside but by pulling the plug.
  test('is written ahead and synced at every commit', async () => {
    const database = openSqlite(file);
    onTestFinished(() => database.destroy());
    const { rows: synchronous } = await sql`pragma synchronous`.execute(database);
    const { rows: journal } = await sql`pragma journal_mode`.execute(database);
    expect([synchronous, journal]).toEqual([[{ synchronous: 2 }], [{ journal_mode: 'wal' }]]);
  });

  test('says nothing on standard error', () => {
    const module = new URL('../../../src/store/open.ts', import.meta.url).href;
    const script = `import { openStore } from '${module}'; const s = await openStore({ settings: { sqlite: process.argv[1] } }); await s.ready(); await s.close();`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, file], {
      encoding: 'utf8',
    });
    expect([run.status, run.stderr]).toEqual([0, '']);
  });
});

describe('an older store', () => {
  test('holds nothing of a key that was removed', async () => {
    const store = await open();
    await store.keys.addUnlessNewer({ id: 'a', privateJwk: '{"d":"the private part"}', createdAt: 1 }, 0);
    await store.keys.remove('a');
    await store.close();
    expect(readFileSync(file).includes('the private part')).toBe(false);
  });

  test('that others could read is closed to them', async () => {
    await made();
    chmodSync(file, 0o644);
    await made();
    expect(mode(file)).toBe('600');
  });

  test('keeps a disabled account disabled when the person signs in again', async () => {
    const person = {
      idpIssuer: 'i',
      idpSubject: 's',
      addresses: ['a@example.org'],
      groups: [],
      name: undefined,
      updatedAt: 1,
    };
    const store = await open();
    onTestFinished(() => store.close());
    await store.accounts.upsert(person, 'id');
    directly((database) => database.exec('update accounts set disabled = 1'));
    expect((await store.accounts.find('id'))?.disabled).toBe(true);
    expect((await store.accounts.upsert(person, 'id-2')).disabled).toBe(true);
  });

  test('of the first release gets what came later, and keeps what it holds', async () => {
    const first = await open();
    await first.keys.addUnlessNewer({ id: 'a', privateJwk: '{}', createdAt: 1 }, 0);
    await first.close();
    directly((database) => {
      database.exec('drop table ticket_keys');
      database.exec("delete from kysely_migration where name > '0001-tables'");
    });
    const store = await open();
    onTestFinished(() => store.close());
    expect(await store.keys.list()).toHaveLength(1);
    expect(await store.ticketKeys.listLive(0)).toEqual([]);
  });

  test('is brought up to date whole or not at all', async () => {
    mkdirSync(join(folder, 'state'));
    // As left by a start that was killed before its first migration, with something in the way of the last table.
    directly((database) => {
      database.exec(
        'create table kysely_migration (name varchar(255) primary key, timestamp varchar(255) not null)',
      );
      database.exec('create view artifacts as select 1');
    });
    await expect(open()).rejects.toThrow(
      /could not be brought up to date \(step 0001-tables\); nothing of that step/,
    );
    const tables = directly((database) =>
      database.prepare("select name from sqlite_schema where name = 'accounts'").all(),
    );
    expect(tables).toEqual([]);
    directly((database) => database.exec('drop view artifacts'));
    await made();
  });
});

describe('refused, with what to do:', () => {
  const refused: [string, () => void | Promise<void>, RegExp][] = [
    [
      'a store of a newer version',
      async () => {
        await made();
        directly((database) => database.exec("insert into kysely_migration values ('9999-future', '2030')"));
      },
      /written by a newer version of Postern \(it has 9999-future\); start that version or a newer one/,
    ],
    [
      'a SQLite file of another program',
      () => {
        mkdirSync(join(folder, 'state'));
        directly((database) => database.exec('create table bookmarks (id integer)'));
      },
      /belongs to another program; give Postern a file of its own/,
    ],
    [
      'a file that is not SQLite',
      () => {
        mkdirSync(join(folder, 'state'));
        writeFileSync(file, 'some notes of mine\n'.repeat(100));
      },
      /is not a SQLite file; choose another path/,
    ],
    [
      'a damaged store',
      async () => {
        await made();
        const bytes = readFileSync(file);
        writeFileSync(file, bytes.fill(0x5a, 4096, bytes.length - 100));
      },
      /is damaged \(.*\); restore a backup/s,
    ],
    ['a folder', () => void mkdirSync(file, { recursive: true }), /is a folder; name a file in it/],
    [
      'a path through a file',
      () => writeFileSync(join(folder, 'state'), ''),
      /state is not a folder; choose another path/,
    ],
    [
      'a place it may not write',
      () => {
        file = '/proc/postern.sqlite';
      },
      /\/proc\/postern\.sqlite cannot be used: /,
    ],
  ];

  test.each(refused)('%s', async (_name, prepare, message) => {
    await prepare();
    const error = await open().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(StoreError);
    expect((error as StoreError).message).toMatch(message);
    expect((error as StoreError).message).toContain(dirname(file));
  });

  test('another program’s file, left as it was', async () => {
    const path = join(folder, 'notes');
    writeFileSync(path, 'some notes of mine\n'.repeat(100), { mode: 0o644 });
    await expect(open(path)).rejects.toThrow(StoreError);
    expect([readFileSync(path, 'utf8'), mode(path)]).toEqual(['some notes of mine\n'.repeat(100), '644']);
    rmSync(path);
    directly((database) => database.exec('create table bookmarks (id integer)'), path);
    await expect(open(path)).rejects.toThrow(StoreError);
    expect(directly((database) => database.prepare('pragma journal_mode').get(), path)).toMatchObject({
      journal_mode: 'delete',
    });
  });

  test('a store that another process holds', async () => {
    await made();
    const holder = new DatabaseSync(file);
    onTestFinished(() => holder.close());
    holder.exec('pragma locking_mode = exclusive');
    holder.exec('begin exclusive');
    await expect(open()).rejects.toThrow(/is locked by another process; end what holds it/);
  });
});

test('a closed store is not ready', async () => {
  const store = await open();
  await store.ready();
  await store.close();
  await expect(store.ready()).rejects.toThrow();
});
