import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type SqliteDatabase from 'better-sqlite3';
import { OtaError } from '../../core/errors.ts';
import { createLocalClaims } from './claims.ts';
import type { Database } from './database.ts';
import { databaseFailed } from './database.ts';

/**
 * Opens a database in one file, for one process. A commit is on the disk before it returns
 * (`synchronous = FULL`); readers do not wait for writers (WAL).
 *
 * @throws OtaError `data-in-use` when another process has it, `database-failed`
 */
export async function openSqlite(path: string): Promise<Database> {
  const [{ default: Sqlite }, { Kysely, SqliteDialect }] = await Promise.all([
    import('better-sqlite3'),
    import('kysely'),
  ]);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const lock = lockFor(Sqlite, path);
    const file = new Sqlite(path, { timeout: 5000 });
    file.pragma('journal_mode = WAL');
    file.pragma('synchronous = FULL');
    file.pragma('cache_size = -262144'); // KiB: the bound; a small database takes little
    file.pragma('temp_store = MEMORY');
    file.pragma('wal_autocheckpoint = 10000'); // pages: a checkpoint is the longest pause there is
    return {
      kind: 'sqlite',
      db: new Kysely({
        dialect: new SqliteDialect({ database: withKindRollback(withStatementCache(file)) }),
      }),
      claims: createLocalClaims(),
      announce: async () => undefined,
      listen: async () => undefined,
      async close() {
        file.close();
        lock.close();
      },
    };
  } catch (cause) {
    throw databaseFailed(cause);
  }
}

/**
 * A second process on the same file would not see changes of releases and rollouts in time, so there is none:
 * the lock is an open transaction in a file beside it, and ends with the process however that ends.
 */
function lockFor(Sqlite: typeof SqliteDatabase, path: string): SqliteDatabase.Database {
  const lock = new Sqlite(`${path}.lock`, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    throw new OtaError('data-in-use', `another process uses ${path}`, {
      cause,
      hint: 'Stop it, give another --data folder, or use PostgreSQL for several processes.',
    });
  }
}

/**
 * When the disk is full or broken SQLite ends the transaction by itself. The rollback that follows would fail then, and
 * its failure would stand for the one that matters.
 */
function withKindRollback(file: SqliteDatabase.Database): SqliteDatabase.Database {
  const prepare = file.prepare.bind(file);
  file.prepare = ((source: string) => {
    const statement = prepare(source);
    if (source !== 'rollback') return statement;
    const run: typeof statement.run = () =>
      file.inTransaction ? statement.run() : { changes: 0, lastInsertRowid: 0 };
    return { reader: false, run };
  }) as typeof file.prepare;
  return file;
}

/** Preparing a statement costs more than running it: keeps those that come again. */
function withStatementCache(file: SqliteDatabase.Database): SqliteDatabase.Database {
  const statements = new Map<string, SqliteDatabase.Statement>();
  const prepare = file.prepare.bind(file);
  file.prepare = ((source: string) => {
    let statement = statements.get(source);
    if (statement === undefined) {
      statement = prepare(source);
      if (statements.size >= 500) statements.clear();
      statements.set(source, statement);
    }
    return statement;
  }) as typeof file.prepare;
  return file;
}
