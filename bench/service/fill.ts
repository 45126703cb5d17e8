import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { startService } from './nodes.ts';

/** Lets the service make its tables in a folder, then puts devices into them. */
export async function fill(folder: string, devices: number): Promise<void> {
  await (await startService(folder)).stop();
  const database = new Sqlite(join(folder, 'ota.db'));
  const numbers = 'with recursive numbers(n) as (select 1 union all select n + 1 from numbers';
  database.exec(`begin;
    ${numbers} where n < ${devices})
      insert into devices (number, id, model, version, groups, labels, setbacks, created_at)
      select n, 'd' || (n - 1), 'esp32', '1.0.0', '[]', '{}', '{}', 1 from numbers;
    ${numbers} where n < ${devices})
      insert into sightings (number, last_seen_at, checked_at) select n, 1, 1 from numbers;
    commit`);
  database.close();
}
