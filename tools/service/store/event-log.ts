import { type Kysely, type RawBuilder, sql } from 'kysely';
import {
  transitionsOf,
  type UpdateEvent,
  updateEvents,
} from '../../core/fleet/attempts/update-event.ts';
import type { EventRow, Tables } from './tables.ts';

/** An act of an administrator, or an event of an update: that one follows from a transition and has no number. */
export type LoggedEvent = Omit<EventRow, 'id'> & { readonly id: number | null };

export interface EventFilter {
  /** Of an act or of an update; default every act. */
  readonly type?: string | undefined;
  /** Without a type: the events of updates, too. */
  readonly updates?: boolean | undefined;
  readonly skip?: number;
  readonly limit: number;
}

/** Newest first. */
export async function listEvents(
  db: Kysely<Tables>,
  { type, updates, skip = 0, limit }: EventFilter,
): Promise<LoggedEvent[]> {
  const update = updateEvents.find((known) => known === type);
  const alsoUpdates = type === undefined && updates === true;
  const sources = [
    ...(update === undefined ? [acts(type)] : [updatesOf(update)]),
    ...(alsoUpdates ? updateEvents.map(updatesOf) : []),
  ];
  // As many of each kind as could be wanted, so that no table is sorted as a whole.
  const parts = sources.map(
    (source) => sql`select * from (${source} order by number desc limit ${skip + limit}) as part`,
  );
  const { rows } =
    await sql<SourceRow>`select * from (${sql.join(parts, sql` union all `)}) as events
    order by at desc, number desc limit ${limit} offset ${skip}`.execute(db);
  return rows.map(toEvent);
}

/** The columns of both kinds; `number` is that of the event or of the transition. */
interface SourceRow extends Omit<EventRow, 'id' | 'data'> {
  readonly number: number;
  readonly data: string | null;
  readonly attempt_id: number | null;
  readonly from_state: string | null;
  readonly to_state: string | null;
  readonly source: string | null;
  readonly detail: string | null;
}

function acts(type: string | undefined): RawBuilder<unknown> {
  const filter = type === undefined ? sql`` : sql`where type = ${type}`;
  return sql`select id as number, at, type, actor, model, version, rollout, device_id, data,
    cast(null as bigint) as attempt_id, cast(null as text) as from_state, cast(null as text) as to_state,
    cast(null as text) as source, cast(null as text) as detail
    from events ${filter}`;
}

function updatesOf(event: UpdateEvent): RawBuilder<unknown> {
  const steps = transitionsOf(event).map(({ from = '', to }) => sql.lit(`${from}>${to}`));
  return sql`select transitions.id as number, transitions.at, ${sql.lit(event)} as type,
    transitions.device_id as actor, releases.model, releases.version, rollouts.name as rollout,
    transitions.device_id, cast(null as text) as data,
    transitions.attempt_id, from_state, to_state, source, detail
    from transitions
    join attempts on attempts.id = transitions.attempt_id
    join releases on releases.id = attempts.release_id
    left join rollouts on rollouts.id = attempts.rollout_id
    where coalesce(from_state, '') || '>' || to_state in (${sql.join(steps)})`;
}

function toEvent({ number, data, attempt_id, from_state, to_state, source, ...row }: SourceRow) {
  const { detail, ...event } = row;
  if (data !== null) return { ...event, id: number, data };
  return {
    ...event,
    id: null,
    // A deadline is the service's own doing.
    actor: source === 'deadline' ? 'service' : event.actor,
    data: JSON.stringify({ attempt_id, from: from_state, to: to_state, source, detail }),
  };
}
