import type { Client } from 'pg';

/** Names that one process has at a time. They are free again when the process ends, however it ends. */
export interface Claims {
  /** Returns false when another process has the name. Rejects while the database is away. */
  take(name: string): Promise<boolean>;
  giveBack(name: string): Promise<void>;
  /** Calls back when a name went to another process while the database was away. */
  onLost(lost: (name: string) => void): void;
  close(): Promise<void>;
}

/** Where there is one process, all names are free but its own. */
export function createLocalClaims(): Claims {
  const held = new Set<string>();
  return {
    async take(name) {
      if (held.has(name)) return false;
      held.add(name);
      return true;
    },
    async giveBack(name) {
      held.delete(name);
    },
    onLost: () => undefined,
    close: async () => undefined,
  };
}

/** A machine that lost its power does not say goodbye: the server is to notice within half a minute. */
const quickEnd =
  'set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3';
/** How long to wait before connecting again when the connection broke. */
const reconnectMs = 1000;

/**
 * Advisory locks of a session of PostgreSQL: the server frees them when the connection ends. When it breaks, what was
 * held is taken again as soon as the server is back, unless somebody was faster.
 */
export function createPostgresClaims(connect: () => Client): Claims {
  const held = new Set<string>();
  let client: Client | undefined;
  let connecting: Promise<Client> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let lost: (name: string) => void = () => undefined;

  /** The connection, with everything held on it. */
  function connected(): Promise<Client> {
    if (client !== undefined) return Promise.resolve(client);
    connecting ??= open().finally(() => {
      connecting = undefined;
    });
    return connecting;
  }

  async function open(): Promise<Client> {
    const current = connect();
    const broken = (): void => {
      if (client !== current) return;
      client = undefined;
      again();
    };
    current.on('error', broken);
    current.on('end', broken);
    try {
      await current.connect();
      await current.query(quickEnd);
      for (const name of held) {
        if (await tryLock(current, name)) continue;
        held.delete(name);
        lost(name);
      }
      if (closed) throw new Error('the store is closed');
    } catch (error) {
      void current.end().catch(() => undefined);
      throw error;
    }
    client = current;
    return current;
  }

  function again(): void {
    if (closed || held.size === 0) return;
    clearTimeout(timer);
    timer = setTimeout(() => void connected().catch(again), reconnectMs);
    timer.unref();
  }

  return {
    async take(name) {
      if (held.has(name)) return false; // a lock of this session could be taken again
      if (!(await tryLock(await connected(), name))) return false;
      held.add(name);
      return true;
    },
    async giveBack(name) {
      held.delete(name);
      // Without a connection there is no lock either.
      await client?.query(`select pg_advisory_unlock(${keyOf})`, [name]).catch(() => undefined);
    },
    onLost(handler) {
      lost = handler;
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      const last = client;
      client = undefined;
      await last?.end().catch(() => undefined);
    },
  };
}

const keyOf = 'hashtextextended($1, 1)';

async function tryLock(client: Client, name: string): Promise<boolean> {
  const { rows } = await client.query<{ got: boolean }>(
    `select pg_try_advisory_lock(${keyOf}) as got`,
    [name],
  );
  return rows[0]?.got === true;
}
