import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../tools/service/store/store.ts';
import { storeContract } from '../contracts/store.ts';
import { tokenStoreContract } from '../contracts/token-store.ts';
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts';
import { aCheck, aReleaseRow, aRolloutRow, catalogOf } from '../support/store-samples.ts';

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
