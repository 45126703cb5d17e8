import type { ReleaseFacts } from '../offers/release-facts.ts';
import type { Rollout } from '../offers/rollout.ts';
import type { AttemptState, TransitionSource } from './attempt.ts';
import type { Device } from './device.ts';

/** One attempt of a device at a release, as far as decisions need it. */
export interface Attempt {
  /** `undefined` until it is stored. */
  readonly id: number | undefined;
  readonly releaseId: number;
  readonly rolloutId: number | undefined;
  readonly state: AttemptState;
  /** 0 to 100. */
  readonly progress: number;
  readonly bytes: number;
  readonly error: string | undefined;
  /** What the device ran before. */
  readonly fromVersion: string;
  readonly fromBuild: number | undefined;
  readonly createdAtMs: number;
  readonly startedAtMs: number | undefined;
  readonly downloadedAtMs: number | undefined;
  readonly installedAtMs: number | undefined;
  readonly completedAtMs: number | undefined;
  readonly updatedAtMs: number;
  /** How long the device had been up then, when it said so. */
  readonly uptimeMs: number | undefined;
  readonly deadlineAtMs: number | undefined;
}

/** What the service knows of a device: the last attempt is part of it, earlier ones are history. */
export interface DeviceRecord {
  /** The store's own number of the device; `undefined` until it is stored. */
  readonly number: number | undefined;
  readonly device: Device;
  readonly attempt: Attempt | undefined;
  readonly lastSeenAtMs: number;
  /** When it last asked for an update. */
  readonly checkedAtMs: number;
  readonly createdAtMs: number;
}

/** One transition of an attempt, as it goes into the history. */
export interface Move {
  readonly attempt: Attempt;
  readonly from: AttemptState | undefined;
  readonly to: AttemptState;
  readonly source: TransitionSource;
  readonly detail: string | undefined;
}

/** What a decision changes. Nothing to write when `attempts` is empty and the device is as it was. */
export interface FleetChange {
  readonly record: DeviceRecord;
  readonly deviceChanged: boolean;
  /** Changed or new attempts; the last one is the device's own. */
  readonly attempts: readonly Attempt[];
  readonly moves: readonly Move[];
}

/** The releases and rollouts that decisions look at. */
export interface FleetCatalog {
  release(id: number): ReleaseFacts | undefined;
  rollout(id: number): Rollout | undefined;
  /** Newest first. */
  releasesOf(model: string): readonly ReleaseFacts[];
  rolloutsOf(model: string): readonly Rollout[];
}

/** Whether anything of a change must be stored at once (and not with the next round of last-seen times). */
export function isWorthWriting(change: FleetChange): boolean {
  return change.deviceChanged || change.attempts.length > 0;
}
