import type { Client, ClientConfig } from 'pg';
import { createPostgresClaims } from './claims.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

const channel = 'ota_catalog';
/** How long to wait before listening again when the connection broke. */
const relistenMs = 1000;

/** Connects to a PostgreSQL server, shared by any number of service processes. */
export async function openPostgres(url: string): Promise<Database> {
  const [{ default: pg }, { Kysely, PostgresDialect, sql }] = await Promise.all([
    import('pg'),
    import('kysely'),
  ]);
  const types: ClientConfig['types'] = {
    // bigint: all of ours are times, sizes and counts, far below 2^53.
    getTypeParser: ((oid: number, format: 'text' | 'binary') =>
      oid === 20 ? Number : pg.types.getTypeParser(oid, format)) as never,
  };
  const settings = {
    connectionString: url,
    types,
    connectionTimeoutMillis: 5000,
    application_name: 'esp-ota-toolkit',
  };
  const pool = new pg.Pool({ ...settings, max: 10 });
  // An idle connection that breaks is replaced at the next query.
  pool.on('error', () => undefined);
  // One that breaks between two statements of a transaction fails the next of them, and must not end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  const listener = createListener(() => new pg.Client(settings));
  const claims = createPostgresClaims(() => new pg.Client(settings));
  return {
    kind: 'postgres',
    db,
    claims,
    async announce() {
      await sql`select pg_notify(${channel}, '')`.execute(db);
    },
    listen: listener.start,
    async close() {
      await Promise.all([listener.stop(), claims.close()]);
      await db.destroy();
    },
  };
}

/** LISTEN needs a connection of its own, and another one when that breaks. */
function createListener(connect: () => Client): {
  start(changed: () => void): Promise<void>;
  stop(): Promise<void>;
} {
  let client: Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  async function start(changed: () => void): Promise<void> {
    if (stopped) return;
    const current = connect();
    client = current;
    const again = (): void => {
      if (stopped || client !== current) return;
      client = undefined;
      timer = setTimeout(() => void start(changed).catch(() => undefined), relistenMs);
      timer.unref();
    };
    current.on('error', again);
    current.on('end', again);
    current.on('notification', changed);
    try {
      await current.connect();
      await current.query(`listen ${channel}`);
    } catch {
      again();
      return;
    }
    changed(); // what was said while nobody listened
  }
  return {
    start,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
