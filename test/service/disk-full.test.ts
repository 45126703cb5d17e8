import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../tools/service/store/database.ts';
import { createStore } from '../../tools/service/store/store.ts';
import { startService } from '../support/service.ts';

describe('a full disk under the database', () => {
  it('explores', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ota-full-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const database = await openDatabase(`sqlite:${join(folder, 'ota.db')}`);
    const service = await startService({ store: createStore(database) });
    await service.upload('2.0.0', Buffer.from('an image of another kind'));
    await service.rollout('all', '2.0.0');
    const pages = await sql<{ page_count: number }>`pragma page_count`.execute(database.db);
    const count = pages.rows[0]?.page_count ?? 0;
    const limit = (n: number) => sql`pragma max_page_count = ${sql.lit(n)}`.execute(database.db);
    await limit(count + 3);
    for (let i = 0; i < 200; i++) {
      const a = await service.call('GET', `/api/firmware/check?device_id=d${i}&device_model=esp32&current_version=1.0.0`, undefined, {});
      if (a.status !== 200) { console.log(i, a.status, JSON.stringify(a.body)); break; }
    }
    console.log(JSON.stringify(await service.upload('3.0.0', Buffer.from('an image of another kind x'))));
    console.log(JSON.stringify((await service.rollout('all2', '2.0.0', {target_type:'specific', target_filter: {device_ids: Array.from({length:3000},(_, i)=>'device'+i)}})).body));
    console.log(JSON.stringify((await service.report('d1', '2.0.0', 'failed', {error_message: 'x'.repeat(2000)})).body));
    await limit(100000);
    console.log(JSON.stringify((await service.report('d1', '2.0.0', 'failed', {error_message: 'x'.repeat(2000)})).body));
  });
});
