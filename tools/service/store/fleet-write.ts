import { sql, type Transaction } from 'kysely';
import type { Attempt, FleetChange, Move } from '../../core/fleet/attempts/record.ts';
import type { Database } from './database.ts';
import { assignments, columnList, type JsonColumns, jsonRows } from './json-rows.ts';
import { fromAttempt, fromDeviceRecord } from './rows.ts';
import { writeDeviceSightings } from './sighting-write.ts';
import type { Tables } from './tables.ts';

/** An attempt with the device that it belongs to. */
interface Owned {
  readonly deviceId: string;
  readonly attempt: Attempt;
}

/** Writes what decisions changed, a few statements for all devices together. */
export async function storeChanges(
  trx: Transaction<Tables>,
  kind: Database['kind'],
  changes: readonly FleetChange[],
): Promise<void> {
  const owned = changes.flatMap(({ record, attempts }) =>
    attempts.map((attempt) => ({ deviceId: record.device.id, attempt })),
  );
  const isFresh = ({ attempt }: Owned): boolean => attempt.id === undefined;
  const ids = await insertAttempts(trx, owned.filter(isFresh));
  const known = owned.filter((entry) => !isFresh(entry));
  await writeAttempts(trx, kind, known);
  await writeDevices(trx, kind, changes, ids);
  const moves = changes.flatMap(({ record, moves: some }) =>
    some.map((move) => ({
      deviceId: record.device.id,
      attempt: { ...move.attempt, id: move.attempt.id ?? ids.get(record.device.id) },
      move,
    })),
  );
  await writeMoves(trx, kind, moves);
}

/** Ids of the new attempts by device: a decision begins one at most. */
async function insertAttempts(
  trx: Transaction<Tables>,
  fresh: readonly Owned[],
): Promise<Map<string, number>> {
  if (fresh.length === 0) return new Map();
  const rows = await trx
    .insertInto('attempts')
    .values(fresh.map(({ deviceId, attempt }) => fromAttempt(deviceId, attempt)))
    .returning(['id', 'device_id'])
    .execute();
  return new Map(rows.map(({ id, device_id }) => [device_id, id]));
}

const attemptColumns: JsonColumns = {
  id: 'bigint',
  state: 'text',
  progress: 'integer',
  bytes: 'bigint',
  error: 'text',
  started_at: 'bigint',
  downloaded_at: 'bigint',
  installed_at: 'bigint',
  completed_at: 'bigint',
  updated_at: 'bigint',
  uptime_ms: 'bigint',
  deadline_at: 'bigint',
};
const changedAttemptColumns = Object.keys(attemptColumns).filter((name) => name !== 'id');

/** Changes attempts that exist. */
export async function writeAttempts(
  trx: Transaction<Tables>,
  kind: Database['kind'],
  owned: readonly Owned[],
): Promise<void> {
  if (owned.length === 0) return;
  const rows = owned.map(({ deviceId, attempt }) => fromAttempt(deviceId, attempt));
  await sql`update attempts set ${assignments(changedAttemptColumns, 'changed')}
    from ${jsonRows(kind, attemptColumns, rows)} as changed
    where attempts.id = changed.id`.execute(trx);
}

const deviceColumns: JsonColumns = {
  id: 'text',
  model: 'text',
  version: 'text',
  build: 'bigint',
  image_sha256: 'text',
  chip: 'text',
  groups: 'text',
  labels: 'text',
  setbacks: 'text',
  attempt_id: 'bigint',
  created_at: 'bigint',
};
/** What people say of a device is theirs: a check does not change it. */
const peoplesColumns = new Set(['id', 'groups', 'labels', 'created_at']);
const changedDeviceColumns = Object.keys(deviceColumns).filter((name) => !peoplesColumns.has(name));

async function writeDevices(
  trx: Transaction<Tables>,
  kind: Database['kind'],
  changes: readonly FleetChange[],
  attemptIds: ReadonlyMap<string, number>,
): Promise<void> {
  const rows = changes
    .filter(
      ({ deviceChanged, attempts }) => deviceChanged || attempts.some(({ id }) => id === undefined),
    )
    .map(({ record }) => {
      const row = fromDeviceRecord(record);
      return { ...row, labels: '{}', attempt_id: row.attempt_id ?? attemptIds.get(row.id) ?? null };
    });
  if (rows.length === 0) return;
  // `where true`: SQLite would read ON CONFLICT as part of a join otherwise.
  await sql`insert into devices (${columnList(deviceColumns)})
    select * from ${jsonRows(kind, deviceColumns, rows)} as given where true
    on conflict (id) do update set ${assignments(changedDeviceColumns, 'excluded')}`.execute(trx);
  await writeDeviceSightings(trx, kind, rows);
}

const transitionColumns: JsonColumns = {
  attempt_id: 'bigint',
  device_id: 'text',
  at: 'bigint',
  from_state: 'text',
  to_state: 'text',
  source: 'text',
  detail: 'text',
};

/** Adds to the history. */
export async function writeMoves(
  trx: Transaction<Tables>,
  kind: Database['kind'],
  moves: readonly (Owned & { readonly move: Move })[],
): Promise<void> {
  if (moves.length === 0) return;
  const rows = moves.map(({ deviceId, attempt, move }) => ({
    attempt_id: attempt.id ?? 0,
    device_id: deviceId,
    at: attempt.updatedAtMs,
    from_state: move.from ?? null,
    to_state: move.to,
    source: move.source,
    detail: move.detail ?? null,
  }));
  await sql`insert into transitions (${columnList(transitionColumns)})
    select * from ${jsonRows(kind, transitionColumns, rows)} as given`.execute(trx);
}
