import { OtaError } from '../../errors.ts';
import type { Audience } from './rollout-audience.ts';

export const rolloutStates = ['draft', 'running', 'paused', 'finished', 'cancelled'] as const;
export type RolloutState = (typeof rolloutStates)[number];

/** The decision to offer one release to an audience. */
export interface Rollout {
  readonly id: number;
  readonly name: string;
  readonly releaseId: number;
  readonly model: string;
  readonly audience: Audience;
  readonly state: RolloutState;
  /** Devices that run something newer go back to this release, too. */
  readonly allowDowngrade: boolean;
  /** A device that is silent for this long in the middle of an update has timed out. */
  readonly deadlineMs: number;
  readonly createdAtMs: number;
}

/** What can be done with a rollout, and from which states. */
export const rolloutActs = {
  start: { from: ['draft'], to: 'running' },
  pause: { from: ['running'], to: 'paused' },
  resume: { from: ['paused', 'draft'], to: 'running' },
  finish: { from: ['running', 'paused'], to: 'finished' },
  cancel: { from: ['draft', 'running', 'paused'], to: 'cancelled' },
} as const satisfies Record<string, { from: readonly RolloutState[]; to: RolloutState }>;

export type RolloutAct = keyof typeof rolloutActs;

/** A day: the seeds call a device lost when it is silent for longer after an update. */
export const defaultDeadlineMs = 24 * 60 * 60 * 1000;

/**
 * The state after an act. Doing what is already done changes nothing.
 *
 * @throws OtaError `rollout-state` when the act is not possible any more
 */
export function actOnRollout(
  rollout: Pick<Rollout, 'name' | 'state'>,
  act: RolloutAct,
): RolloutState {
  const { from, to } = rolloutActs[act];
  if (rollout.state === to) return to;
  if ((from as readonly RolloutState[]).includes(rollout.state)) return to;
  throw new OtaError(
    'rollout-state',
    `rollout ${rollout.name} is ${rollout.state}: cannot ${act}`,
    {
      hint: `${act} works on a rollout that is ${from.join(' or ')}.`,
    },
  );
}

/** Whether the settings of a rollout may still be changed. */
export function isOpenRollout(state: RolloutState): boolean {
  return state !== 'finished' && state !== 'cancelled';
}
