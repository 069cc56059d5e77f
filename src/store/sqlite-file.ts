// Owns the SQLite file: its place, its permissions, its durability, and what the operator is told when it cannot be used.

import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { MIGRATION_TABLE } from './migrate.ts';
import type { Tables } from './schema.ts';
import { nodeSqliteDialect } from './sqlite-dialect.ts';
import { StoreError } from './unusable.ts';

/** How long a statement waits for another process that writes. The process stands still meanwhile. */
const BUSY_MILLISECONDS = 2_000;

/** Opens or makes the file. Throws a {@link StoreError}. */
export function openSqlite(file: string): Kysely<Tables> {
  prepareFile(file);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: BUSY_MILLISECONDS, enableForeignKeyConstraints: true });
    refuseForeign(database, file);
    restrict(file);
    configure(database, file);
  } catch (error) {
    database?.close();
    throw explain(error, file);
  }
  return new Kysely<Tables>({ dialect: nodeSqliteDialect(database) });
}

function prepareFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    throw explain(error, file);
  }
}

/** A slip in the configuration must not turn another program's file into Postern's. */
function refuseForeign(database: DatabaseSync, file: string): void {
  const tables = database.prepare("select name from sqlite_schema where type = 'table'").all();
  if (tables.length > 0 && !tables.some((table) => table['name'] === MIGRATION_TABLE)) {
    throw new StoreError(`${file} belongs to another program; give Postern a file of its own`);
  }
}

/** The file holds signing keys and grants: its companions -wal and -shm take their permissions from it. */
function restrict(file: string): void {
  if ((statSync(file).mode & 0o077) !== 0) {
    chmodSync(file, 0o600);
  }
}

function configure(database: DatabaseSync, file: string): void {
  const mode = database.prepare('pragma journal_mode = wal').get()?.['journal_mode'];
  if (mode !== 'wal') {
    throw new StoreError(
      `${file} is on a file system without the locks that SQLite needs (WAL); put it on a local disk`,
    );
  }
  // FULL: what was acknowledged, above all a revocation, survives a power loss too, not only the end of the process.
  database.exec('pragma synchronous = full');
  database.exec('pragma secure_delete = on');
  database.exec('pragma journal_size_limit = 16777216');
  const [check] = database.prepare('pragma quick_check(1)').all();
  if (check?.['quick_check'] !== 'ok') {
    throw new StoreError(damaged(file, String(check?.['quick_check'])));
  }
}

// https://sqlite.org/rescode.html, primary result codes.
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

function explain(error: unknown, file: string): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) {
    return error;
  }
  const advice =
    'errcode' in error ? sqliteAdvice(Number(error.errcode) & 0xff, file, error) : fileAdvice(error, file);
  return new StoreError(advice, { cause: error });
}

function sqliteAdvice(code: number, file: string, error: Error): string {
  switch (code) {
    case SQLITE_BUSY:
      return `${file} is locked by another process; end what holds it (fuser ${file} names it) and start again`;
    case SQLITE_READONLY:
      return `${file} cannot be written; Postern's user must own the file and its folder`;
    case SQLITE_NOTADB:
      return `${file} is not a SQLite file; choose another path, or restore a backup if this was Postern's store`;
    case SQLITE_CORRUPT:
      return damaged(file, error.message);
    case SQLITE_IOERR:
      return `${file} cannot be read or written, the disk reports an error; check the disk`;
    case SQLITE_FULL:
      return `${file} cannot grow, the disk is full; make room and start again`;
    case SQLITE_CANTOPEN:
      return `${file} cannot be opened; Postern's user must own the file and its folder`;
    default:
      return `${file} cannot be used: ${error.message}`;
  }
}

function damaged(file: string, detail: string): string {
  return `${file} is damaged (${detail}); restore a backup, or rescue what is left with: sqlite3 ${file} .recover`;
}

function fileAdvice(error: NodeJS.ErrnoException, file: string): string {
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
      return `no permission for ${file} (${error.code}); Postern's user must own the file and be able to write in its folder`;
    case 'EISDIR':
      return `${file} is a folder; name a file in it`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${dirname(file)} is not a folder; choose another path`;
    case 'EROFS':
      return `${file} is on a file system that is mounted read-only; choose another path`;
    case 'ENOSPC':
      return `${file} cannot be made, the disk is full`;
    default:
      return `${file} cannot be used: ${error.message}`;
  }
}
