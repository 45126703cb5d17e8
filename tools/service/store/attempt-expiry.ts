import { type Kysely, sql, type Transaction } from 'kysely';
import { momentOf } from '../../core/fleet/attempts/moment.ts';
import { moveAttempt } from '../../core/fleet/attempts/move.ts';
import type { Database } from './database.ts';
import { writeAttempts, writeMoves } from './fleet-write.ts';
import { toAttempt } from './rows.ts';
import type { Tables } from './tables.ts';

const expireBatch = 500;

/** Attempts whose deadline has passed, each the last of its device; see `FleetStore.expire`. */
export function dueAttempts(
  db: Kysely<Tables>,
  kind: Database['kind'],
  nowMs: number,
  heardMs: number | undefined,
) {
  let query = db
    .selectFrom('devices')
    .innerJoin('attempts', (join) =>
      // By the device's name too: so the index of deadlines leads, and not a walk through all devices.
      join
        .onRef('devices.id', '=', 'attempts.device_id')
        .onRef('devices.attempt_id', '=', 'attempts.id'),
    )
    .where('attempts.deadline_at', '<', nowMs)
    .selectAll('attempts')
    .limit(expireBatch);
  // An attempt whose history ran ahead of the clock (see `Moment`) does not tell how long its deadline is.
  if (heardMs !== undefined)
    query = query.where(
      sql<boolean>`attempts.deadline_at - attempts.updated_at between 0 and ${Math.floor(heardMs)}`,
    );
  // The attempts, too: a report that was stored since this statement began has moved its attempt, and not its device.
  return kind === 'postgres' ? query.forUpdate(['devices', 'attempts']).skipLocked() : query;
}

/** See `FleetStore.expire`. */
export async function expireAttempts(
  trx: Transaction<Tables>,
  kind: Database['kind'],
  nowMs: number,
  heardMs: number | undefined,
): Promise<number> {
  const rows = await dueAttempts(trx, kind, nowMs, heardMs).execute();
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
