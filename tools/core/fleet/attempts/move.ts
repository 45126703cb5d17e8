import { defaultDeadlineMs } from '../offers/rollout.ts';
import { type AttemptState, hasDeadline, isClosedAttempt, isSetback } from './attempt.ts';
import type { Device } from './device.ts';
import type { Moment } from './moment.ts';
import type { Attempt, FleetCatalog } from './record.ts';

/** What a report tells besides the state. */
export interface AttemptNews {
  readonly progress?: number | undefined;
  readonly bytes?: number | undefined;
  readonly error?: string | undefined;
  /** How long the device has been up, by its own clock: tells the order of reports that came by different ways. */
  readonly uptimeMs?: number | undefined;
}

/** A new attempt in its first state. */
export function beginAttempt(
  device: Device,
  releaseId: number,
  rolloutId: number | undefined,
  { atMs }: Moment,
): Attempt {
  return {
    id: undefined,
    releaseId,
    rolloutId,
    state: 'pending',
    progress: 0,
    bytes: 0,
    error: undefined,
    fromVersion: device.version,
    fromBuild: device.build,
    createdAtMs: atMs,
    startedAtMs: undefined,
    downloadedAtMs: undefined,
    installedAtMs: undefined,
    completedAtMs: undefined,
    updatedAtMs: atMs,
    uptimeMs: undefined,
    deadlineAtMs: undefined,
  };
}

/** The attempt in another state, with the times that belong to it. Legality is judged elsewhere. */
export function moveAttempt(
  attempt: Attempt,
  to: AttemptState,
  news: AttemptNews,
  catalog: Pick<FleetCatalog, 'rollout'>,
  { atMs, nowMs }: Moment,
): Attempt {
  const downloaded = to === 'downloaded' || to === 'installing' || to === 'installed';
  const began = to !== 'pending' && to !== 'cancelled';
  return {
    ...attempt,
    state: to,
    progress: news.progress ?? (to === 'installed' || to === 'confirmed' ? 100 : attempt.progress),
    bytes: news.bytes ?? attempt.bytes,
    error: to === 'confirmed' ? undefined : (news.error ?? attempt.error),
    startedAtMs: attempt.startedAtMs ?? (began ? atMs : undefined),
    downloadedAtMs: attempt.downloadedAtMs ?? (downloaded ? atMs : undefined),
    installedAtMs:
      attempt.installedAtMs ?? (to === 'installed' || to === 'confirmed' ? atMs : undefined),
    completedAtMs: isClosedAttempt(to) || to === 'installed' ? atMs : undefined,
    updatedAtMs: atMs,
    uptimeMs: news.uptimeMs,
    deadlineAtMs: hasDeadline(to) ? nowMs + deadlineOf(attempt, catalog) : undefined,
  };
}

/** How long the device may be silent, in milliseconds. */
export function deadlineOf(attempt: Attempt, catalog: Pick<FleetCatalog, 'rollout'>): number {
  const rollout = attempt.rolloutId === undefined ? undefined : catalog.rollout(attempt.rolloutId);
  return rollout?.deadlineMs ?? defaultDeadlineMs;
}

/** The device with its count of setbacks brought up to date: confirmed starts afresh. */
export function countSetback(
  device: Device,
  releaseId: number,
  from: AttemptState | undefined,
  to: AttemptState,
): Device {
  const count = device.setbacks[releaseId] ?? 0;
  if (to === 'confirmed' && count > 0) {
    const { [releaseId]: _, ...setbacks } = device.setbacks;
    return { ...device, setbacks };
  }
  if (!isSetback(from, to)) return device;
  return { ...device, setbacks: { ...device.setbacks, [releaseId]: count + 1 } };
}
