import { sql } from 'kysely';
import type { ReportedStatus } from '../../tools/core/fleet/attempts/attempt.ts';
import { answerCheckIn } from '../../tools/core/fleet/attempts/check-in.ts';
import type { FleetCatalog } from '../../tools/core/fleet/attempts/record.ts';
import { answerReport } from '../../tools/core/fleet/attempts/report.ts';
import { sortReleases } from '../../tools/core/fleet/offers/offer.ts';
import type { CatalogRows } from '../../tools/service/store/catalog-store.ts';
import { openDatabase } from '../../tools/service/store/database.ts';
import type { FleetDecision } from '../../tools/service/store/fleet-store.ts';
import { toReleaseFacts, toRollout } from '../../tools/service/store/rows.ts';
import type {
  EventRow,
  NewRelease,
  NewRollout,
  TokenRow,
} from '../../tools/service/store/tables.ts';

export function aReleaseRow(changes: Partial<NewRelease> = {}): NewRelease {
  return {
    model: 'esp32',
    version: '2.0.0',
    build: 0,
    filename: 'app.bin',
    binary_path: 'esp32/v2.0.0.bin',
    size: 4,
    sha256: 'aa'.repeat(32),
    md5: 'bb'.repeat(16),
    elf_sha256: null,
    chip: null,
    min_version: null,
    description: null,
    release_notes: null,
    changelog: null,
    stable: 0,
    active: 1,
    signed: 0,
    signature: null,
    created_at: 1,
    updated_at: 1,
    released_at: null,
    created_by: 'test',
    ...changes,
  };
}

export function aRolloutRow(releaseId: number, changes: Partial<NewRollout> = {}): NewRollout {
  return {
    name: 'all',
    release_id: releaseId,
    model: 'esp32',
    audience: JSON.stringify({ kind: 'all', percentage: 100 }),
    state: 'running',
    allow_downgrade: 0,
    deadline_ms: 1000,
    created_at: 1,
    updated_at: 1,
    created_by: 'test',
    ...changes,
  };
}

/** The catalog as decisions want it, from rows. */
export function catalogOf({ releases, rollouts }: CatalogRows): FleetCatalog {
  const facts = releases.map(toReleaseFacts);
  const plans = rollouts.map(toRollout);
  return {
    release: (id) => facts.find((release) => release.id === id),
    rollout: (id) => plans.find((rollout) => rollout.id === id),
    releasesOf: (model) => sortReleases(facts.filter((release) => release.model === model)),
    rolloutsOf: (model) => plans.filter((rollout) => rollout.model === model),
  };
}

export function aCheck(
  id: string,
  version: string,
  catalog: FleetCatalog,
  now: number,
): FleetDecision {
  return {
    deviceId: id,
    decide: (record) => answerCheckIn(record, { id, model: 'esp32', version }, catalog, now),
  };
}

export function aReport(
  id: string,
  status: ReportedStatus,
  catalog: FleetCatalog,
  now: number,
  uptimeMs?: number,
): FleetDecision {
  return {
    deviceId: id,
    decide(record) {
      const [release] = catalog.releasesOf('esp32');
      if (record === undefined || release === undefined) throw new Error('not there');
      return answerReport(record, { status, release, uptimeMs }, catalog, now);
    },
  };
}

export function aTokenRow(changes: Partial<TokenRow> = {}): TokenRow {
  return {
    id: 't1',
    kind: 'device',
    subject: 'd1',
    role: null,
    created_at: 1,
    expires_at: 100,
    revoked_at: null,
    ...changes,
  };
}

/** An entry of the audit log. */
export function aNote(type: string): Omit<EventRow, 'id'> {
  const nothing = { model: null, version: null, rollout: null, device_id: null };
  return { at: 1, type, actor: 'test', data: '{}', ...nothing };
}

/** Stores revoked tokens `t1`, `t2` and so on, in a database that nobody else has open if it is SQLite. */
export async function revokeMany(url: string, count: number): Promise<void> {
  const database = await openDatabase(url);
  await sql`insert into tokens (id, kind, subject, created_at, expires_at, revoked_at)
    with recursive numbers(number) as
      (select 1 union all select number + 1 from numbers where number < cast(${count} as integer))
    select 't' || number, 'device', 'some', 1, 9000000000000, 2 from numbers`.execute(database.db);
  await database.close();
}
