import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createSessionNumbers } from '../../tools/service/devices/session-numbers.ts';
import { dueAttempts } from '../../tools/service/store/attempt-expiry.ts';
import { openDatabase } from '../../tools/service/store/database.ts';
import { openStore } from '../../tools/service/store/store.ts';
import { storeContract } from '../contracts/store.ts';
import { tokenStoreContract } from '../contracts/token-store.ts';
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts';
import { aCheck, aReleaseRow, aReport, aRolloutRow, catalogOf } from '../support/store-samples.ts';

let server: RealPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.remove());

storeContract('PostgreSQL', () => server.makeUrl());
tokenStoreContract('PostgreSQL', () => server.makeUrl());

describe('two nodes on one PostgreSQL', () => {
  it('start at the same moment, and one of them makes the tables', async () => {
    const url = await server.makeUrl();
    const stores = await Promise.all([openStore(url), openStore(url), openStore(url)]);
    for (const store of stores) await store.history.ping();
    for (const store of stores) await store.close();
  });

  it('hear of changes of the catalog', async () => {
    const url = await server.makeUrl();
    const [one, two] = [await openStore(url), await openStore(url)];
    const heard = new Promise<void>((resolve) => {
      let calls = 0;
      void two.listen(() => {
        calls += 1;
        if (calls === 1) void one.catalog.addRelease(aReleaseRow());
        if (calls === 2) resolve();
      });
    });
    await heard;
    await one.close();
    await two.close();
  });

  it('register a device that both hear of once', async () => {
    const url = await server.makeUrl();
    const [one, two] = [await openStore(url), await openStore(url)];
    const release = await one.catalog.addRelease(aReleaseRow());
    await one.catalog.addRollout(aRolloutRow(release?.id ?? 0));
    const catalog = catalogOf(await one.catalog.load());
    const ids = Array.from({ length: 50 }, (_, index) => `d${index}`);
    await Promise.all(
      [one, two, one, two].map((store) =>
        store.fleet.change(ids.map((id) => aCheck(id, '1.0.0', catalog, 1))),
      ),
    );
    expect(await one.history.countAttempts({})).toEqual([{ name: 'pending', count: 50 }]);
    await one.close();
    await two.close();
  });
});

describe('attempts past their deadline', () => {
  it('are let be when a report came in while they were looked for', async () => {
    const url = await server.makeUrl();
    const [store, database] = [await openStore(url), await openDatabase(url)];
    onTestFinished(async () => {
      await store.close();
      await database.close();
    });
    const release = await store.catalog.addRelease(aReleaseRow());
    await store.catalog.addRollout(aRolloutRow(release?.id ?? 0));
    const catalog = catalogOf(await store.catalog.load());
    await store.fleet.change([aCheck('d1', '1.0.0', catalog, 1)]);
    await store.fleet.change([aReport('d1', 'downloading', catalog, 10)]);
    // The transaction sees what was there when it began, as a single statement does.
    const looking = database.db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        await trx.selectFrom('attempts').selectAll().execute();
        await store.fleet.change([aReport('d1', 'installing', catalog, 1005)]);
        return dueAttempts(trx, 'postgres', 1011, undefined).execute();
      });
    await expect(looking).rejects.toMatchObject({ code: '40001' });
    expect(await store.fleet.expire(1011)).toBe(0);
  });
});

describe('numbers for sessions at a broker', () => {
  async function twoNodes() {
    const url = await server.makeUrl();
    const stores = [await openStore(url), await openStore(url)] as const;
    onTestFinished(async () => {
      for (const store of stores) await store.close();
    });
    const [one, two] = [createSessionNumbers(stores[0]), createSessionNumbers(stores[1])];
    return { one, two, store: stores[0], url };
  }

  async function aClient(url: string) {
    const client = new pg.Client(url);
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  }

  const locks = "select pid from pg_locks where locktype = 'advisory' and granted";

  it('are different for two nodes, and those of a restart are the old ones', async () => {
    const { one, two } = await twoNodes();
    const [first, second] = [await one.claim(), await two.claim()];
    expect([first.number, second.number]).toEqual([0, 1]);
    await first.release();
    expect((await one.claim()).number).toBe(0);
  });

  it('of a node that is gone go to the other one', async () => {
    const { one, two, store } = await twoNodes();
    await one.claim();
    await two.claim();
    const settled = new Set<number>();
    expect(await two.claimOrphan(settled)).toBeUndefined();
    await store.close();
    await expect.poll(async () => (await two.claimOrphan(settled))?.number).toBe(0);
  });

  it('that nothing is left of are looked at again when they have been in use', async () => {
    const { one, two } = await twoNodes();
    const first = await one.claim();
    await two.claim();
    const settled = new Set([0]);
    await two.claimOrphan(settled);
    expect(settled).toEqual(new Set());
    await first.release();
    settled.add(0);
    expect(await two.claimOrphan(settled)).toBeUndefined();
    expect(settled).toEqual(new Set([0]));
  });

  it('are kept when all connections break', async () => {
    const { one, two, url } = await twoNodes();
    const [first, second] = [await one.claim(), await two.claim()];
    const client = await aClient(url);
    const pids = async () =>
      (await client.query<{ pid: number }>(locks)).rows.map(({ pid }) => pid);
    const before = await pids();
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`);
    await expect
      .poll(async () => (await pids()).filter((pid) => !before.includes(pid)), { timeout: 10_000 })
      .toHaveLength(2);
    expect((await one.claim()).number).toBe(2);
    expect([first.lost.aborted, second.lost.aborted]).toEqual([false, false]);
  });

  it('are lost to a node that was faster after the connection had broken', async () => {
    const { one, url } = await twoNodes();
    const first = await one.claim();
    const [other, killer] = [await aClient(url), await aClient(url)];
    const taken = other.query("select pg_advisory_lock(hashtextextended('broker-session:0', 1))");
    const { rows } = await killer.query<{ pid: number }>(locks);
    await killer.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await taken;
    await expect.poll(() => first.lost.aborted, { timeout: 5000 }).toBe(true);
    expect((await one.claim()).number).toBe(1);
  });
});
