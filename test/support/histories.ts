import { openDatabase } from '../../tools/service/store/database.ts';

/** One line for each transition of a device, oldest first: `3 downloading>installing report 2026-…`. */
export type Histories = ReadonlyMap<string, readonly string[]>;

/**
 * Reads the history of every device straight from the tables. SQLite: the service must have ended.
 *
 * @param url as `ota serve --database` takes it
 */
export async function readHistories(url: string): Promise<Histories> {
  const database = await openDatabase(url);
  try {
    const rows = await database.db.selectFrom('transitions').selectAll().orderBy('id').execute();
    const histories = new Map<string, string[]>();
    for (const row of rows) {
      const lines = histories.get(row.device_id) ?? [];
      lines.push(
        `${row.attempt_id} ${row.from_state ?? 'new'}>${row.to_state} ${row.source} ${row.at}`,
      );
      histories.set(row.device_id, lines);
    }
    return histories;
  } finally {
    await database.close();
  }
}
