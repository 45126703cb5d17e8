import { OtaError } from '../../core/errors.ts';
import { formatAudience } from '../../core/fleet/offers/audience-text.ts';
import { compareReleases } from '../../core/fleet/offers/release-facts.ts';
import {
  actOnRollout,
  defaultDeadlineMs,
  isOpenRollout,
  type RolloutAct,
  type RolloutState,
} from '../../core/fleet/offers/rollout.ts';
import type { Audience } from '../../core/fleet/offers/rollout-audience.ts';
import {
  nameOfRollout,
  planRolloutStart,
  type RolloutOutcome,
} from '../../core/fleet/offers/rollout-start.ts';
import type { Actor } from '../access/access.ts';
import type { Audit } from '../access/audit.ts';
import { toReleaseFacts, toRollout } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { ReleaseRow, RolloutRow } from '../store/tables.ts';
import type { Catalog, Snapshot } from './catalog.ts';

export interface NewRolloutFacts {
  readonly name: string;
  readonly release: ReleaseRow;
  readonly audience: Audience;
  /** Draft otherwise. */
  readonly running: boolean;
  readonly allowDowngrade?: boolean | undefined;
  readonly deadlineMs?: number | undefined;
}

/** What can be changed; what is absent stays. */
export interface RolloutSettings {
  readonly audience?: ((before: Audience) => Audience) | undefined;
  readonly act?: ((before: RolloutState) => RolloutAct | undefined) | undefined;
  readonly allowDowngrade?: boolean | undefined;
  readonly deadlineMs?: number | undefined;
}

/** Decisions about who is offered what, with their audit. */
export interface Rollouts {
  /** @throws OtaError `rollout-exists` */
  create(facts: NewRolloutFacts, actor: Actor): Promise<RolloutRow>;
  /**
   * Starts the rollout that a release is published with; a release that has one keeps it as it is.
   *
   * @throws OtaError `rollout-exists` when the name is taken by a rollout of another release
   */
  start(
    release: ReleaseRow,
    audience: Audience,
    actor: Actor,
  ): Promise<{ row: RolloutRow; outcome: RolloutOutcome }>;
  /** @throws OtaError `rollout-unknown`, `rollout-state` */
  change(name: string, settings: RolloutSettings, actor: Actor): Promise<RolloutRow>;
  /** @throws OtaError `rollout-unknown`, `rollout-state` while it runs */
  remove(name: string, actor: Actor): Promise<void>;
  /** @throws OtaError `rollout-unknown` */
  get(name: string): RolloutRow;
  /** @throws OtaError `release-unknown` */
  releaseFor(model: string, version: string, build?: number): ReleaseRow;
}

export function createRollouts(
  store: Store,
  catalog: Catalog,
  audit: Audit,
  now: () => number,
): Rollouts {
  function get(name: string): RolloutRow {
    const row = catalog.current().rolloutRow(name);
    if (row === undefined) throw unknownRollout(name);
    return row;
  }
  /** `undefined` when the name is taken. */
  async function add(facts: NewRolloutFacts, actor: Actor): Promise<RolloutRow | undefined> {
    const { model, version } = facts.release;
    const event = facts.allowDowngrade === true ? 'rollback_initiated' : 'rollout_created';
    const row = await store.catalog.addRollout(toRow(facts, actor, now()), ({ state }) =>
      audit.entry(event, actor, {
        model,
        version,
        rollout: facts.name,
        data: { audience: formatAudience(facts.audience), state },
      }),
    );
    if (row !== undefined) await catalog.reload();
    return row;
  }
  return {
    async create(facts, actor) {
      const row = await add(facts, actor);
      if (row === undefined) throw exists(facts.name);
      return row;
    },
    async start(release, audience, actor) {
      let plan = planStart(release, audience, catalog.current());
      if (plan.outcome === 'created') {
        const { name, outcome } = plan;
        const row = await add({ name, release, audience, running: true }, actor);
        if (row !== undefined) return { row, outcome };
        // Somebody else was faster, perhaps at another node.
        plan = planStart(release, audience, await catalog.reload());
        if (plan.outcome === 'created') throw exists(name);
      }
      return { row: get(plan.rollout.name), outcome: plan.outcome };
    },
    async change(name, settings, actor) {
      const changed = await store.catalog.changeRollout(
        name,
        (row) => decide(row, settings, now()),
        ({ before, after }) =>
          audit.entry('rollout_updated', actor, {
            model: after.model,
            rollout: name,
            data: differences(before, after),
          }),
      );
      if (changed === undefined) throw unknownRollout(name);
      await catalog.reload();
      return changed.after;
    },
    async remove(name, actor) {
      const removed = await store.catalog.removeRollout(name, requireIdle, ({ model }) =>
        audit.entry('rollout_deleted', actor, { model, rollout: name }),
      );
      if (removed === undefined) throw unknownRollout(name);
      await catalog.reload();
    },
    get,
    releaseFor: (model, version, build) => findRelease(catalog, model, version, build),
  };
}

function requireIdle({ name, state }: RolloutRow): void {
  if (state !== 'running' && state !== 'paused') return;
  throw new OtaError('rollout-state', `rollout ${name} is ${state}: cannot delete`, {
    hint: 'Cancel or finish it first.',
  });
}

function planStart(release: ReleaseRow, audience: Audience, catalog: Snapshot) {
  const facts = toReleaseFacts(release);
  const named = catalog.rolloutRow(nameOfRollout(facts));
  const about = named === undefined ? undefined : toRollout(named);
  return planRolloutStart(facts, audience, catalog.rolloutsOf(release.model), about);
}

function toRow(facts: NewRolloutFacts, actor: Actor, nowMs: number) {
  return {
    name: facts.name,
    release_id: facts.release.id,
    model: facts.release.model,
    audience: JSON.stringify(facts.audience),
    state: facts.running ? 'running' : 'draft',
    allow_downgrade: facts.allowDowngrade === true ? 1 : 0,
    deadline_ms: facts.deadlineMs ?? defaultDeadlineMs,
    created_at: nowMs,
    updated_at: nowMs,
    created_by: actor.name,
  };
}

function decide(row: RolloutRow, settings: RolloutSettings, nowMs: number) {
  const state = row.state as RolloutState;
  const { audience, act, allowDowngrade, deadlineMs } = settings;
  const changesSettings =
    audience !== undefined || allowDowngrade !== undefined || deadlineMs !== undefined;
  if (changesSettings && !isOpenRollout(state))
    throw new OtaError('rollout-state', `rollout ${row.name} is ${state}: it stays as it was`, {
      hint: 'Create another rollout.',
    });
  const before = JSON.parse(row.audience) as Audience;
  const done = act?.(state);
  return {
    updated_at: nowMs,
    ...(audience === undefined ? {} : { audience: JSON.stringify(audience(before)) }),
    ...(done === undefined ? {} : { state: actOnRollout({ name: row.name, state }, done) }),
    ...(allowDowngrade === undefined ? {} : { allow_downgrade: allowDowngrade ? 1 : 0 }),
    ...(deadlineMs === undefined ? {} : { deadline_ms: deadlineMs }),
  };
}

/** What an update changed, for the audit: `{ state: ['running', 'paused'] }`. */
function differences(before: RolloutRow, after: RolloutRow): Record<string, unknown> {
  const shown = (row: RolloutRow) => ({
    state: row.state,
    audience: formatAudience(JSON.parse(row.audience) as Audience),
    allow_downgrade: row.allow_downgrade,
    deadline_ms: row.deadline_ms,
  });
  const [old, now] = [shown(before), shown(after)];
  return Object.fromEntries(
    (['state', 'audience', 'allow_downgrade', 'deadline_ms'] as const)
      .filter((key) => old[key] !== now[key])
      .map((key) => [key, [old[key], now[key]]]),
  );
}

function findRelease(
  catalog: Catalog,
  model: string,
  version: string,
  build: number | undefined,
): ReleaseRow {
  const found = catalog
    .current()
    .releases.filter(
      (row) =>
        row.model === model &&
        row.version === version &&
        (build === undefined || row.build === build),
    )
    .sort((a, b) => compareReleases(toReleaseFacts(b), toReleaseFacts(a)))[0];
  if (found !== undefined) return found;
  throw new OtaError('release-unknown', `there is no version ${version} for model ${model}`, {
    hint: 'Upload the release first; a rollout offers what is there.',
  });
}

function unknownRollout(name: string): OtaError {
  return new OtaError('rollout-unknown', `there is no rollout ${JSON.stringify(name)}`, {
    hint: 'List them: ota admin rollout list.',
  });
}

function exists(name: string): OtaError {
  return new OtaError('rollout-exists', `a rollout ${JSON.stringify(name)} exists`, {
    hint: 'Choose another name, or change that one.',
  });
}
