import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dueAttempts } from '../../tools/service/store/attempt-expiry.ts';
import { openDatabase } from '../../tools/service/store/database.ts';
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

  it('says why it failed, also when it ended the transaction by itself', async () => {
    const database = await openDatabase(`sqlite:${join(folder, 'ended.db')}`);
    const full = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    // What SQLite does when the disk is full in the middle of a commit (sqlite.org/lang_transaction.html).
    const failing = database.db.transaction().execute(async (trx) => {
      await sql`rollback`.execute(trx);
      throw full;
    });
    await expect(failing).rejects.toBe(full);
    await sql`select 1`.execute(database.db);
    await database.close();
  });

  it('finds attempts whose deadline has passed without a walk through all devices', async () => {
    const database = await openDatabase(`sqlite:${join(folder, 'deadlines.db')}`);
    const due = dueAttempts(database.db, 'sqlite', 1, undefined);
    const plan = await due.explain<{ detail: string }>(undefined, sql`query plan`);
    const steps = plan.map(({ detail }) => detail);
    expect(steps[0]).toContain('attempts_deadline');
    expect(steps.filter((step) => step.startsWith('SCAN'))).toEqual([]);
    await database.close();
  });

  it('says what is wrong with its address', async () => {
    await expect(openStore('mysql://x')).rejects.toMatchObject({ code: 'service-config-invalid' });
    await expect(openStore('sqlite:/dev/null/ota.db')).rejects.toMatchObject({
      code: 'database-failed',
    });
  });
});
