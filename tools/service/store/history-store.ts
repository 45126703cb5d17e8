import { type Kysely, sql } from 'kysely';
import type { AttemptState } from '../../core/fleet/attempts/attempt.ts';
import { type EventFilter, type LoggedEvent, listEvents } from './event-log.ts';
import type { AttemptRow, DeviceRow, EventRow, Tables, TransitionRow } from './tables.ts';

/** An attempt with the version that it was about. */
export interface AttemptEntry extends AttemptRow {
  readonly version: string;
  readonly build: number;
  readonly model: string;
}

export interface AttemptFilter {
  readonly deviceId?: string | undefined;
  readonly version?: string | undefined;
  readonly releaseId?: number | undefined;
  readonly rolloutId?: number | undefined;
  readonly states?: readonly AttemptState[] | undefined;
  readonly skip?: number;
  readonly limit: number;
}

/** One number of a breakdown. */
export interface Count {
  readonly name: string;
  readonly count: number;
}

/** What people look at: lists, histories and totals. */
export interface HistoryStore {
  devices(filter: {
    model?: string | undefined;
    group?: string | undefined;
    skip?: number;
    limit: number;
  }): Promise<DeviceRow[]>;
  device(id: string): Promise<DeviceRow | undefined>;
  /** Returns false when there is no such device. */
  describeDevice(
    id: string,
    change: {
      groups?: readonly string[];
      labels?: Readonly<Record<string, string>>;
      setbacks?: 'clear';
    },
    /** For the audit log; stored with the change or not at all. */
    event?: Omit<EventRow, 'id'>,
  ): Promise<boolean>;
  attempts(filter: AttemptFilter): Promise<AttemptEntry[]>;
  transitions(deviceId: string, limit: number): Promise<TransitionRow[]>;
  addEvent(event: Omit<EventRow, 'id'>): Promise<void>;
  events(filter: EventFilter): Promise<LoggedEvent[]>;
  countDevices(by: 'model' | 'version'): Promise<Count[]>;
  countAttempts(filter: { rolloutId?: number; sinceMs?: number }): Promise<Count[]>;
  setting(name: string, fallback: () => string): Promise<string>;
  /** Raises a number that nodes share to at least this, and returns it as it is then. */
  raise(name: string, atLeast: number): Promise<number>;
  ping(): Promise<void>;
}

export function createHistoryStore(db: Kysely<Tables>): HistoryStore {
  return {
    ...deviceLists(db),
    attempts: (filter) => listAttempts(db, filter),
    transitions: (deviceId, limit) =>
      db
        .selectFrom('transitions')
        .selectAll()
        .where('device_id', '=', deviceId)
        .orderBy('id', 'desc')
        .limit(limit)
        .execute(),
    async addEvent(event) {
      await db.insertInto('events').values(event).execute();
    },
    events: (filter) => listEvents(db, filter),
    ...totals(db),
    async setting(name, fallback) {
      // The first node to ask decides.
      await db
        .insertInto('settings')
        .values({ name, value: fallback() })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute();
      const row = await db
        .selectFrom('settings')
        .select('value')
        .where('name', '=', name)
        .executeTakeFirstOrThrow();
      return row.value;
    },
    async raise(name, atLeast) {
      await db
        .insertInto('counters')
        .values({ name, value: atLeast })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute();
      await db
        .updateTable('counters')
        .set({ value: atLeast })
        .where('name', '=', name)
        .where('value', '<', atLeast)
        .execute();
      const row = await db
        .selectFrom('counters')
        .select('value')
        .where('name', '=', name)
        .executeTakeFirstOrThrow();
      return row.value;
    },
    async ping() {
      await sql`select 1`.execute(db);
    },
  };
}

function deviceLists(
  db: Kysely<Tables>,
): Pick<HistoryStore, 'devices' | 'device' | 'describeDevice'> {
  return {
    devices({ model, group, skip = 0, limit }) {
      let query = seenDevices(db)
        .orderBy('last_seen_at', 'desc')
        .orderBy('id')
        .offset(skip)
        .limit(limit);
      if (model !== undefined) query = query.where('model', '=', model);
      if (group !== undefined)
        // As it stands in the JSON text. LIKE would take both cases for one on SQLite.
        query = query.where(
          sql<boolean>`replace(${sql.ref('groups')}, ${JSON.stringify(group)}, '') <> ${sql.ref('groups')}`,
        );
      return query.execute();
    },
    device: (id) => seenDevices(db).where('id', '=', id).executeTakeFirst(),
    async describeDevice(id, { groups, labels, setbacks }, event) {
      const change = {
        ...(groups === undefined ? {} : { groups: JSON.stringify([...new Set(groups)]) }),
        ...(labels === undefined ? {} : { labels: JSON.stringify(labels) }),
        ...(setbacks === undefined ? {} : { setbacks: '{}' }),
      };
      if (Object.keys(change).length === 0) return true;
      return db.transaction().execute(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable('devices')
          .set(change)
          .where('id', '=', id)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return false;
        if (event !== undefined) await trx.insertInto('events').values(event).execute();
        return true;
      });
    },
  };
}

/** Devices with when they were heard of. */
function seenDevices(db: Kysely<Tables>) {
  return db
    .selectFrom('devices')
    .innerJoin('sightings', 'sightings.number', 'devices.number')
    .selectAll();
}

function listAttempts(db: Kysely<Tables>, filter: AttemptFilter): Promise<AttemptEntry[]> {
  let query = db
    .selectFrom('attempts')
    .innerJoin('releases', 'releases.id', 'attempts.release_id')
    .selectAll('attempts')
    .select(['releases.version', 'releases.build', 'releases.model'])
    .orderBy('attempts.id', 'desc')
    .offset(filter.skip ?? 0)
    .limit(filter.limit);
  if (filter.deviceId !== undefined)
    query = query.where('attempts.device_id', '=', filter.deviceId);
  if (filter.version !== undefined) query = query.where('releases.version', '=', filter.version);
  if (filter.releaseId !== undefined)
    query = query.where('attempts.release_id', '=', filter.releaseId);
  if (filter.rolloutId !== undefined)
    query = query.where('attempts.rollout_id', '=', filter.rolloutId);
  if (filter.states !== undefined) query = query.where('attempts.state', 'in', filter.states);
  return query.execute();
}

function totals(db: Kysely<Tables>): Pick<HistoryStore, 'countDevices' | 'countAttempts'> {
  return {
    countDevices: (by) =>
      db
        .selectFrom('devices')
        .select([`${by} as name`, sql<number>`cast(count(*) as integer)`.as('count')])
        .groupBy(by)
        .orderBy(by)
        .execute(),
    countAttempts({ rolloutId, sinceMs }) {
      let query = db
        .selectFrom('attempts')
        .select(['state as name', sql<number>`cast(count(*) as integer)`.as('count')])
        .groupBy('state')
        .orderBy('state');
      if (rolloutId !== undefined) query = query.where('rollout_id', '=', rolloutId);
      if (sinceMs !== undefined) query = query.where('updated_at', '>=', sinceMs);
      return query.execute();
    },
  };
}
