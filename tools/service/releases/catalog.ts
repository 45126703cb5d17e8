import type { FleetCatalog } from '../../core/fleet/attempts/record.ts';
import { sortReleases } from '../../core/fleet/offers/offer.ts';
import type { ReleaseFacts } from '../../core/fleet/offers/release-facts.ts';
import type { Rollout } from '../../core/fleet/offers/rollout.ts';
import type { CatalogRows } from '../store/catalog-store.ts';
import { newModel, toReleaseFacts, toRollout } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { KeyRow, ModelRow, ReleaseRow, RolloutRow, TokenKind } from '../store/tables.ts';
import type { RevocationRows } from '../store/token-store.ts';

/** Releases, rollouts, models, keys and revoked tokens as they were at one moment. */
export interface Snapshot extends FleetCatalog {
  readonly state: number;
  readonly releases: readonly ReleaseRow[];
  readonly rollouts: readonly RolloutRow[];
  readonly keys: readonly KeyRow[];
  readonly revoked: Revoked;
  releaseRow(id: number): ReleaseRow | undefined;
  rolloutRow(name: string): RolloutRow | undefined;
  model(model: string): ModelRow;
  /** Models with settings of their own, and models of releases, by name. */
  readonly models: readonly ModelRow[];
  readonly allModelsOpen: boolean;
}

/** Which tokens are worth nothing before they expire. */
export interface Revoked {
  hasId(id: string): boolean;
  /** Until when tokens of a subject are revoked, in milliseconds. */
  cutoff(kind: TokenKind, subject: string): number | undefined;
  /** False when memory does not hold them all. */
  readonly complete: boolean;
}

/** The catalog in memory. */
export interface Catalog {
  current(): Snapshot;
  /** Loads again when the database has moved on; `state` comes with every read of a device. */
  ensure(state: number): Promise<Snapshot>;
  reload(): Promise<Snapshot>;
  /** Asks the database whether it has moved on. */
  refresh(): Promise<Snapshot>;
}

/** Reads the catalog and keeps it until the database says that it changed. */
export async function createCatalog(store: Store): Promise<Catalog> {
  let snapshot = toSnapshot(await store.catalog.load());
  let loading: Promise<Snapshot> | undefined;
  async function load(): Promise<Snapshot> {
    try {
      const next = toSnapshot(await store.catalog.load());
      if (next.state >= snapshot.state) snapshot = next;
      return snapshot;
    } finally {
      loading = undefined;
    }
  }
  const catalog: Catalog = {
    current: () => snapshot,
    async ensure(state) {
      while (snapshot.state < state) {
        loading ??= load();
        await loading;
      }
      return snapshot;
    },
    async reload() {
      // What is being loaded may have been read before the change.
      await loading?.catch(() => undefined);
      loading ??= load();
      return loading;
    },
    refresh: async () => catalog.ensure(await store.catalog.state()),
  };
  await store.listen(() => void catalog.reload().catch(() => undefined));
  return catalog;
}

function toSnapshot(rows: CatalogRows): Snapshot {
  const facts = rows.releases.map(toReleaseFacts);
  const plans = rows.rollouts.map(toRollout);
  const releasesByModel = groupBy(sortReleases(facts), ({ model }) => model);
  const rolloutsByModel = groupBy(plans, ({ model }) => model);
  const releases = new Map(facts.map((release) => [release.id, release]));
  const rollouts = new Map(plans.map((rollout) => [rollout.id, rollout]));
  const releaseRows = new Map(rows.releases.map((row) => [row.id, row]));
  const rolloutRows = new Map(rows.rollouts.map((row) => [row.name, row]));
  const models = new Map(rows.models.map((row) => [row.model, row]));
  const modelRow = (model: string): ModelRow => models.get(model) ?? { model, ...newModel };
  return {
    state: rows.state,
    releases: rows.releases,
    rollouts: rows.rollouts,
    keys: rows.keys,
    revoked: toRevoked(rows.revocations),
    release: (id): ReleaseFacts | undefined => releases.get(id),
    rollout: (id): Rollout | undefined => rollouts.get(id),
    releasesOf: (model) => releasesByModel.get(model) ?? [],
    rolloutsOf: (model) => rolloutsByModel.get(model) ?? [],
    releaseRow: (id) => releaseRows.get(id),
    rolloutRow: (name) => rolloutRows.get(name),
    model: modelRow,
    models: [...new Set([...models.keys(), ...rows.releases.map(({ model }) => model)])]
      .sort()
      .map(modelRow),
    allModelsOpen: rows.models.every(({ auth }) => auth === 'open'),
  };
}

function toRevoked({ ids, cutoffs, complete }: RevocationRows): Revoked {
  const held = new Set(ids);
  const bySubject = new Map(
    cutoffs.map(({ kind, subject, issued_until }) => [`${kind} ${subject}`, issued_until]),
  );
  return {
    hasId: (id) => held.has(id),
    cutoff: (kind, subject) => bySubject.get(`${kind} ${subject}`),
    complete,
  };
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
