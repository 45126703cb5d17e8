import type { Transaction } from 'kysely';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

/** Runs a change of what nodes hold in memory; the counter moves with it or not at all, and the nodes hear of it. */
export async function changeCatalog<T>(
  database: Database,
  use: (trx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  const result = await database.db.transaction().execute(async (trx) => {
    // First, so that changes of the catalog happen one after the other.
    await trx
      .updateTable('counters')
      .set((eb) => ({ value: eb('value', '+', 1) }))
      .where('name', '=', 'catalog')
      .execute();
    return use(trx);
  });
  await database.announce();
  return result;
}
