import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../tools/service/store/store.ts';
import { storeContract } from '../contracts/store.ts';
import { tokenStoreContract } from '../contracts/token-store.ts';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-store-'));
});
afterAll(() => rm(folder, { recursive: true }));

const makeUrl = async () => `sqlite:${join(folder, `${++count}`, 'ota.db')}`;
storeContract('SQLite', makeUrl);
tokenStoreContract('SQLite', makeUrl);

describe('a store on SQLite', () => {
  it('belongs to one process', async () => {
    const url = `sqlite:${join(folder, 'shared.db')}`;
    const store = await openStore(url);
    await expect(openStore(url)).rejects.toMatchObject({ code: 'data-in-use' });
    await store.close();
    await (await openStore(url)).close();
  });

  it('says what is wrong with its address', async () => {
    await expect(openStore('mysql://x')).rejects.toMatchObject({ code: 'service-config-invalid' });
    await expect(openStore('sqlite:/dev/null/ota.db')).rejects.toMatchObject({
      code: 'database-failed',
    });
  });
});
