import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCatalog } from '../../tools/service/releases/catalog.ts';
import { openStore } from '../../tools/service/store/store.ts';
import { startService } from '../support/service.ts';
import { aReleaseRow } from '../support/store-samples.ts';

/** A store that counts how often the whole catalog is read. */
async function countingStore() {
  const folder = await mkdtemp(join(tmpdir(), 'ota-catalog-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const store = await openStore(`sqlite:${join(folder, 'ota.db')}`);
  let loads = 0;
  const load = () => {
    loads += 1;
    return store.catalog.load();
  };
  return { store: { ...store, catalog: { ...store.catalog, load } }, loads: () => loads };
}

describe('the catalog in memory', () => {
  it('is read again when the database has moved on, and no other time', async () => {
    const { store, loads } = await countingStore();
    onTestFinished(() => store.close());
    const catalog = await createCatalog(store);
    await catalog.refresh();
    expect(loads()).toBe(1);
    await store.catalog.addRelease(aReleaseRow());
    expect((await catalog.refresh()).releases).toHaveLength(1);
    expect(loads()).toBe(2);
  });

  it('is not read again for a device that reports what nobody published', async () => {
    const { store, loads } = await countingStore();
    const service = await startService({ store });
    await service.check('d1', '1.0.0');
    const before = loads();
    for (let round = 0; round < 3; round += 1)
      expect((await service.report('d1', '9.9.9', 'downloading')).status).toBe(404);
    expect(loads()).toBe(before);
  });
});
