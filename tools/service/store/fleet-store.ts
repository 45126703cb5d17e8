import { sql, type Transaction } from 'kysely';
import {
  type DeviceRecord,
  type FleetChange,
  isWorthWriting,
} from '../../core/fleet/attempts/record.ts';
import { expireAttempts } from './attempt-expiry.ts';
import type { Database } from './database.ts';
import { createFleetReader, type FleetRead } from './fleet-read.ts';
import { storeChanges } from './fleet-write.ts';
import { type Sighting, writeSightings } from './sighting-write.ts';
import type { Tables } from './tables.ts';

/** A decision about one device, made on its record while nobody else may change that. */
export interface FleetDecision {
  readonly deviceId: string;
  decide(record: DeviceRecord | undefined): FleetChange;
}

export interface FleetStore {
  /** One indexed read. */
  read(ids: readonly string[]): Promise<FleetRead>;
  /**
   * Makes decisions and stores what they change, in one transaction. Each device may occur once. When the promise
   * is fulfilled, everything is on the disk. A decision that throws affects no other.
   */
  change(decisions: readonly FleetDecision[]): Promise<PromiseSettledResult<FleetChange>[]>;
  /** Notes that devices were heard of without anything else having changed. Fastest in the order of numbers. */
  noteSightings(sightings: readonly Sighting[]): Promise<void>;
  /**
   * Ends attempts whose deadline has passed. Returns how many; several nodes may do this at once.
   *
   * @param heardMs attempts that have longer than this until their deadline are let be
   */
  expire(nowMs: number, heardMs?: number): Promise<number>;
}

/** The hot tables: devices, attempts and their transitions. */
export function createFleetStore({ db, kind }: Pick<Database, 'db' | 'kind'>): FleetStore {
  const read = createFleetReader({ db, kind });
  return {
    read: (ids) => read(db, ids),
    change: (decisions) =>
      db.transaction().execute(async (trx) => {
        const ids = decisions.map(({ deviceId }) => deviceId);
        if (kind === 'postgres') await lockDevices(trx, ids);
        const { records } = await read(trx, ids);
        const results = decisions.map(({ deviceId, decide }) =>
          settle(decide, records.get(deviceId)),
        );
        const changes = results.flatMap((result) =>
          result.status === 'fulfilled' && isWorthWriting(result.value) ? [result.value] : [],
        );
        if (changes.length > 0) await storeChanges(trx, kind, changes);
        return results;
      }),
    noteSightings: (sightings) =>
      sightings.length === 0 ? Promise.resolve() : writeSightings(db, kind, sightings),
    expire: (nowMs, heardMs) =>
      db.transaction().execute((trx) => expireAttempts(trx, kind, nowMs, heardMs)),
  };
}

/**
 * In the order of ids, so that two nodes do not wait for each other. A device that is not there yet is locked by
 * name: two nodes that hear of it at once register it once.
 */
async function lockDevices(trx: Transaction<Tables>, ids: readonly string[]): Promise<void> {
  const rows = await trx
    .selectFrom('devices')
    .select('id')
    .where('id', 'in', ids)
    .orderBy('id')
    .forUpdate()
    .execute();
  const known = new Set(rows.map(({ id }) => id));
  for (const id of ids.filter((some) => !known.has(some)).sort()) {
    await sql`select pg_advisory_xact_lock(hashtextextended(${id}, 0))`.execute(trx);
  }
}

function settle(
  decide: FleetDecision['decide'],
  record: DeviceRecord | undefined,
): PromiseSettledResult<FleetChange> {
  try {
    return { status: 'fulfilled', value: decide(record) };
  } catch (reason) {
    return { status: 'rejected', reason };
  }
}
