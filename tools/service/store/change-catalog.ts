import type { Transaction } from 'kysely';
import type { Database } from './database.ts';
import type { EventRow, Tables } from './tables.ts';

/** The entry of the audit log that goes with a change: both are stored, or neither. */
export type NoteOf<Result> = (result: Result) => Omit<EventRow, 'id'>;

/**
 * Runs a change of what nodes hold in memory; the counter and the audit log move with it or not at all. The nodes
 * hear of it. A change that finds nothing to change gives `undefined`, and is not logged.
 */
export async function changeCatalog<T>(
  database: Database,
  note: NoteOf<NonNullable<T>> | undefined,
  use: (trx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  const result = await database.db.transaction().execute(async (trx) => {
    // First, so that changes of the catalog happen one after the other.
    await trx
      .updateTable('counters')
      .set((eb) => ({ value: eb('value', '+', 1) }))
      .where('name', '=', 'catalog')
      .execute();
    const done = await use(trx);
    if (done !== undefined && done !== null && note !== undefined)
      await trx.insertInto('events').values(note(done)).execute();
    return done;
  });
  // It is done: that the others hear of it late is no reason to call it failed.
  await database.announce().catch(() => undefined);
  return result;
}
