import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { DeviceRecord } from '../../core/fleet/attempts/record.ts';
import type { Database } from './database.ts';
import { toDeviceRecord } from './rows.ts';
import type { AttemptRow, DeviceRow, Tables } from './tables.ts';

/** Records by device id, and the number of the catalog's state that goes with them. */
export interface FleetRead {
  readonly records: Map<string, DeviceRecord>;
  readonly catalog: number;
}

/**
 * Reads devices with their last attempts, on the connection that is given. The statement is compiled once: every
 * check of every device goes through here.
 */
export function createFleetReader({
  db,
  kind,
}: Pick<Database, 'db' | 'kind'>): (
  connection: Kysely<Tables>,
  ids: readonly string[],
) => Promise<FleetRead> {
  const statement = compileRead(db, kind);
  return async (connection, ids) => {
    const wanted = kind === 'sqlite' ? JSON.stringify(ids) : ids;
    const { rows } = await connection.executeQuery<Row>({ ...statement, parameters: [wanted] });
    const records = new Map<string, DeviceRecord>();
    for (const row of rows) {
      if (row.id !== null) records.set(row.id, toRecord(row, row.id));
    }
    return { records, catalog: rows[0]?.catalog ?? 0 };
  };
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

/**
 * The ids are one parameter, so that the statement is the same for any number of them. The counter comes with the
 * rows: a node that missed a change learns of it here.
 */
function compileRead(db: Kysely<Tables>, kind: Database['kind']) {
  const ids = sql.val('');
  const wanted =
    kind === 'sqlite'
      ? sql<boolean>`devices.id in (select value from json_each(${ids}))`
      : sql<boolean>`devices.id = any(cast(${ids} as text[]))`;
  return db
    .selectFrom('counters')
    .leftJoin('devices', (join) => join.on(wanted))
    .leftJoin('sightings', 'sightings.number', 'devices.number')
    .leftJoin('attempts', 'attempts.id', 'devices.attempt_id')
    .where('counters.name', '=', sql.lit('catalog'))
    .select(['counters.value as catalog'])
    .select(deviceColumns)
    .select(attemptColumns)
    .compile();
}

type Row = ReturnType<typeof compileRead> extends CompiledQuery<infer Shape> ? Shape : never;

function toRecord(row: Row, deviceId: string): DeviceRecord {
  const device = row as unknown as DeviceRow;
  if (row.attempt_key === null) return toDeviceRecord(device, undefined);
  const own = { id: row.attempt_key, device_id: deviceId, created_at: row.attempt_created_at };
  return toDeviceRecord(device, { ...row, ...own } as unknown as AttemptRow);
}
