import { OtaError } from '../../errors.ts';
import type { ReleaseFacts } from './release-facts.ts';
import type { Rollout, RolloutState } from './rollout.ts';
import { type Audience, isSameAudience } from './rollout-audience.ts';

/**
 * What became of a rollout that was asked for together with a release. `created`; `unchanged`: it runs already, for
 * the same audience; `kept`: the release has a rollout that was decided on otherwise, and it stays as it is.
 */
export const rolloutOutcomes = ['created', 'unchanged', 'kept'] as const;
export type RolloutOutcome = (typeof rolloutOutcomes)[number];

export type RolloutStart =
  | { readonly outcome: 'created'; readonly name: string }
  | { readonly outcome: 'unchanged' | 'kept'; readonly rollout: Rollout };

/** The one that says most about a release comes first. */
const order: readonly RolloutState[] = ['running', 'paused', 'draft', 'finished', 'cancelled'];

/**
 * Decides what to do when a release is published with a rollout. A release that has one keeps it: somebody may have
 * raised, paused or cancelled it, and publishing the same again must not undo that.
 *
 * @param rollouts of the release's model
 * @param named the rollout that has the name already, whatever it is about
 * @throws OtaError `rollout-exists` when that one is about another release
 */
export function planRolloutStart(
  release: ReleaseFacts,
  audience: Audience,
  rollouts: readonly Rollout[],
  named: Pick<Rollout, 'releaseId'> | undefined,
): RolloutStart {
  const own = rollouts
    .filter(({ releaseId }) => releaseId === release.id)
    .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || b.id - a.id);
  const same = own.find(
    (rollout) => rollout.state === 'running' && isSameAudience(rollout.audience, audience),
  );
  if (same !== undefined) return { outcome: 'unchanged', rollout: same };
  if (own[0] !== undefined) return { outcome: 'kept', rollout: own[0] };
  const name = nameOfRollout(release);
  if (named === undefined) return { outcome: 'created', name };
  throw new OtaError('rollout-exists', `a rollout "${name}" exists, for another release`, {
    hint: 'Create one under another name: ota admin rollout create.',
  });
}

/** What the rollout of a release is called when nobody gives it a name: `esp32-1.1.0`, `esp32-1.1.0-b2`. */
export function nameOfRollout({
  model,
  version,
  build,
}: Pick<ReleaseFacts, 'model' | 'version' | 'build'>): string {
  return `${model}-${version}${build === 0 ? '' : `-b${build}`}`;
}
