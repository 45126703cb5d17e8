import type { Kysely, Migrator } from 'kysely';
import { OtaError } from '../../core/errors.ts';
import type { Claims } from './claims.ts';
import type { Tables } from './tables.ts';

/** An open database, with what differs between the two kinds. */
export interface Database {
  readonly kind: 'sqlite' | 'postgres';
  readonly db: Kysely<Tables>;
  readonly claims: Claims;
  /** Tells the other nodes that the catalog changed. Losing the message costs time, not correctness. */
  announce(): Promise<void>;
  /** Calls back when another node (or this one) changed the catalog. */
  listen(changed: () => void): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens `sqlite:FILE` or `postgres://…` and brings its tables up to date, under a lock.
 *
 * @param upTo name of the last migration to run; all of them by default
 * @throws OtaError `database-failed`, `data-in-use`, `service-config-invalid`
 */
export async function openDatabase(url: string, upTo?: string): Promise<Database> {
  const database = await connect(url);
  try {
    await migrate(database, upTo);
  } catch (cause) {
    await database.close();
    throw databaseFailed(cause);
  }
  return database;
}

async function connect(url: string): Promise<Database> {
  if (url.startsWith('sqlite:')) {
    const { openSqlite } = await import('./sqlite.ts');
    return openSqlite(url.slice('sqlite:'.length));
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { openPostgres } = await import('./postgres.ts');
    return openPostgres(url);
  }
  throw new OtaError('service-config-invalid', 'the database is neither sqlite: nor postgres://', {
    hint: 'Give --database sqlite:FILE, or --database postgres://user:password@host/name.',
  });
}

async function migrate({ db, kind }: Database, upTo: string | undefined): Promise<void> {
  const [{ Migrator }, { migrations }] = await Promise.all([
    import('kysely'),
    import('./migrations/index.ts'),
  ]);
  const provider = { getMigrations: async () => migrations(kind) };
  // PostgreSQL: under an advisory lock. SQLite: the file belongs to one process (see sqlite.ts).
  const migrator: Migrator = new Migrator({ db, provider });
  const { error } = await (upTo === undefined
    ? migrator.migrateToLatest()
    : migrator.migrateTo(upTo));
  if (error !== undefined) throw error;
}

/** Whether a driver threw it, and not a mistake in our own code. */
export function isDatabaseFailure(cause: unknown): cause is Error {
  if (!(cause instanceof Error) || cause instanceof OtaError) return false;
  const { code } = cause as { code?: unknown };
  // SQLite's names, SQLSTATE, the network's names; pg has no codes for a connection that ends.
  if (typeof code === 'string') return /^(SQLITE_\w+|[0-9A-Z]{5}|E[A-Z_]+)$/.test(code);
  return /^(Connection terminated|timeout exceeded|Client has encountered)/.test(cause.message);
}

/** A failure of the database itself, as an error that callers can tell from a bug. */
export function databaseFailed(cause: unknown): OtaError {
  if (cause instanceof OtaError) return cause;
  const code = (cause as { code?: unknown }).code;
  if (code === 'SQLITE_FULL' || code === '53100')
    return new OtaError('disk-full', 'the database has no room on its disk', {
      cause,
      hint: 'Make room on the disk of the database, then send it again.',
    });
  return new OtaError(
    'database-failed',
    `the database does not work${typeof code === 'string' ? ` (${code})` : ''}`,
    { cause, hint: 'Check that it runs, that its disk has room, and the settings of --database.' },
  );
}
