import { type Kysely, sql, type Transaction } from 'kysely';
import { takenBackMs } from '../../core/fleet/attempts/moment.ts';
import type { Database } from './database.ts';
import { type JsonColumns, jsonRows } from './json-rows.ts';
import type { Tables } from './tables.ts';

/** When a device was heard of. */
export interface Sighting {
  /** The device's number, see `DeviceRecord`. */
  readonly number: number;
  readonly lastSeenAtMs: number;
  /** When it last asked for an update; 0 when that is not what happened. */
  readonly checkedAtMs: number;
}

/**
 * Assignments that never take a time back: nodes and rounds of writing may overtake each other. Only a time at which a
 * device was seen gives way when it is far ahead (see `laterSeen`); when it checked decides what its reports mean.
 */
const laterSighting = sql`
  last_seen_at = case when excluded.last_seen_at > sightings.last_seen_at
      or sightings.last_seen_at > excluded.last_seen_at + ${sql.lit(takenBackMs)}
    then excluded.last_seen_at else sightings.last_seen_at end,
  checked_at = case when excluded.checked_at > sightings.checked_at
    then excluded.checked_at else sightings.checked_at end`;

const times: JsonColumns = { last_seen_at: 'bigint', checked_at: 'bigint' };

/**
 * Notes when stored devices were heard of. Unlike everything else this need not survive a power loss, so SQLite does
 * not wait for the disk here: on the one connection that there is, the setting holds for this statement only.
 */
export async function writeSightings(
  db: Kysely<Tables>,
  kind: Database['kind'],
  sightings: readonly Sighting[],
): Promise<void> {
  const rows = sightings.map(({ number, lastSeenAtMs, checkedAtMs }) => ({
    number,
    last_seen_at: lastSeenAtMs,
    checked_at: checkedAtMs,
  }));
  const insert = sql`insert into sightings (number, last_seen_at, checked_at)
    select * from ${jsonRows(kind, { number: 'bigint', ...times }, rows)} as seen where true
    on conflict (number) do update set ${laterSighting}`;
  if (kind === 'postgres') {
    await insert.execute(db);
    return;
  }
  await db.connection().execute(async (connection) => {
    await sql`pragma synchronous = normal`.execute(connection);
    try {
      await insert.execute(connection);
    } finally {
      await sql`pragma synchronous = full`.execute(connection);
    }
  });
}

/** Notes when devices that are being written were heard of: they may have got their numbers just now. */
export async function writeDeviceSightings(
  trx: Transaction<Tables>,
  kind: Database['kind'],
  rows: readonly {
    readonly id: string;
    readonly last_seen_at: number;
    readonly checked_at: number;
  }[],
): Promise<void> {
  await sql`insert into sightings (number, last_seen_at, checked_at)
    select devices.number, seen.last_seen_at, seen.checked_at
    from ${jsonRows(kind, { id: 'text', ...times }, rows)} as seen
    join devices on devices.id = seen.id where true
    on conflict (number) do update set ${laterSighting}`.execute(trx);
}
