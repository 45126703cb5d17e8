import { type Kysely, sql, type Transaction } from 'kysely';
import { momentOf } from '../../core/fleet/moment.ts';
import { moveAttempt } from '../../core/fleet/move.ts';
import { type DeviceRecord, type FleetChange, isWorthWriting } from '../../core/fleet/record.ts';
import type { Database } from './database.ts';
import { laterSighting, storeChanges, writeAttempts, writeMoves } from './fleet-write.ts';
import { jsonRows } from './json-rows.ts';
import { toAttempt, toDeviceRecord } from './rows.ts';
import type { AttemptRow, DeviceRow, Tables } from './tables.ts';

/** A decision about one device, made on its record while nobody else may change that. */
export interface FleetDecision {
  readonly deviceId: string;
  decide(record: DeviceRecord | undefined): FleetChange;
}

/** When a device was heard of. */
export interface Sighting {
  /** The device's number, see `DeviceRecord`. */
  readonly number: number;
  readonly lastSeenAtMs: number;
  /** When it last asked for an update; 0 when that is not what happened. */
  readonly checkedAtMs: number;
}

export interface FleetStore {
  /** Records by device id, and the number of the catalog's state that goes with them: one indexed read. */
  read(ids: readonly string[]): Promise<{ records: Map<string, DeviceRecord>; catalog: number }>;
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

const expireBatch = 500;

/** The hot tables: devices, attempts and their transitions. */
export function createFleetStore({ db, kind }: Pick<Database, 'db' | 'kind'>): FleetStore {
  return {
    read: (ids) => readRecords(db, ids),
    change: (decisions) =>
      db.transaction().execute(async (trx) => {
        const ids = decisions.map(({ deviceId }) => deviceId);
        if (kind === 'postgres') await lockDevices(trx, ids);
        const { records } = await readRecords(trx, ids);
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
 * Unlike everything else this need not survive a power loss, so SQLite does not wait for the disk here: on the one
 * connection that there is, the setting holds for this statement only.
 */
async function writeSightings(
  db: Kysely<Tables>,
  kind: Database['kind'],
  sightings: readonly Sighting[],
): Promise<void> {
  const columns = { number: 'bigint', last_seen_at: 'bigint', checked_at: 'bigint' } as const;
  const rows = sightings.map(({ number, lastSeenAtMs, checkedAtMs }) => ({
    number,
    last_seen_at: lastSeenAtMs,
    checked_at: checkedAtMs,
  }));
  const update = sql`update sightings set ${laterSighting('seen')}
    from ${jsonRows(kind, columns, rows)} as seen
    where sightings.number = seen.number`;
  if (kind === 'postgres') {
    await update.execute(db);
    return;
  }
  await db.connection().execute(async (connection) => {
    await sql`pragma synchronous = normal`.execute(connection);
    try {
      await update.execute(connection);
    } finally {
      await sql`pragma synchronous = full`.execute(connection);
    }
  });
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

/** The counter comes with the rows: a node that missed a change learns of it here. */
async function readRecords(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<{ records: Map<string, DeviceRecord>; catalog: number }> {
  const rows = await db
    .selectFrom('counters')
    .leftJoin('devices', (join) => join.on('devices.id', 'in', ids))
    .leftJoin('sightings', 'sightings.number', 'devices.number')
    .leftJoin('attempts', 'attempts.id', 'devices.attempt_id')
    .where('counters.name', '=', 'catalog')
    .select(['counters.value as catalog'])
    .select(deviceColumns)
    .select(attemptColumns)
    .execute();
  const records = new Map<string, DeviceRecord>();
  for (const row of rows) {
    if (row.id === null) continue;
    const attempt =
      row.attempt_key === null
        ? undefined
        : ({
            ...row,
            id: row.attempt_key,
            device_id: row.id,
            created_at: row.attempt_created_at,
          } as unknown as AttemptRow);
    records.set(row.id, toDeviceRecord(row as unknown as DeviceRow, attempt));
  }
  return { records, catalog: rows[0]?.catalog ?? 0 };
}

const deviceColumns = [
  'devices.number',
  'devices.id',
  'devices.model',
  'devices.version',
  'devices.build',
  'devices.image_sha256',
  'devices.chip',
  'devices.groups',
  'devices.setbacks',
  'sightings.last_seen_at',
  'sightings.checked_at',
  'devices.created_at',
] as const;

const attemptColumns = [
  'attempts.id as attempt_key',
  'attempts.created_at as attempt_created_at',
  'attempts.release_id',
  'attempts.rollout_id',
  'attempts.state',
  'attempts.progress',
  'attempts.bytes',
  'attempts.error',
  'attempts.from_version',
  'attempts.from_build',
  'attempts.started_at',
  'attempts.downloaded_at',
  'attempts.installed_at',
  'attempts.completed_at',
  'attempts.updated_at',
  'attempts.uptime_ms',
  'attempts.deadline_at',
] as const;

async function expireAttempts(
  trx: Transaction<Tables>,
  kind: Database['kind'],
  nowMs: number,
  heardMs: number | undefined,
): Promise<number> {
  let query = trx
    .selectFrom('devices')
    .innerJoin('attempts', 'attempts.id', 'devices.attempt_id')
    .where('attempts.deadline_at', '<', nowMs)
    .selectAll('attempts')
    .limit(expireBatch);
  // An attempt whose history ran ahead of the clock (see `Moment`) does not tell how long its deadline is.
  if (heardMs !== undefined)
    query = query.where(
      sql<boolean>`attempts.deadline_at - attempts.updated_at between 0 and ${Math.floor(heardMs)}`,
    );
  if (kind === 'postgres') query = query.forUpdate('devices').skipLocked();
  const rows = await query.execute();
  const noRollouts = { rollout: () => undefined };
  const detail = 'no word from the device before the deadline';
  const ended = rows.map((row) => {
    const before = toAttempt(row);
    const moment = momentOf({ attempt: before, checkedAtMs: 0 }, nowMs);
    const attempt = moveAttempt(before, 'timed_out', { error: detail }, noRollouts, moment);
    const move = {
      attempt,
      from: before.state,
      to: attempt.state,
      source: 'deadline',
      detail,
    } as const;
    return { deviceId: row.device_id, attempt, move };
  });
  if (ended.length === 0) return 0;
  await writeAttempts(trx, kind, ended);
  await writeMoves(trx, kind, ended);
  return ended.length;
}
