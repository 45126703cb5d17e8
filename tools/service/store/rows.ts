import type { Attempt, DeviceRecord } from '../../core/fleet/attempts/record.ts';
import type { ReleaseFacts } from '../../core/fleet/offers/release-facts.ts';
import type { Rollout, RolloutState } from '../../core/fleet/offers/rollout.ts';
import type { Audience } from '../../core/fleet/offers/rollout-audience.ts';
import type { AttemptRow, DeviceRow, NewAttempt, ReleaseRow, RolloutRow } from './tables.ts';

/** A list of texts that the service wrote itself. */
export function parseList(text: string): readonly string[] {
  return JSON.parse(text) as string[];
}

/** The settings of a model that nobody has set. */
export const newModel = { auth: 'open', public_keys: '[]' } as const;

export function toReleaseFacts(row: ReleaseRow): ReleaseFacts {
  return {
    id: row.id,
    model: row.model,
    version: row.version,
    build: row.build,
    sha256: row.sha256,
    elfSha256: row.elf_sha256 ?? undefined,
    chip: row.chip ?? undefined,
    minVersion: row.min_version ?? undefined,
    stable: row.stable === 1,
    active: row.active === 1,
    createdAtMs: row.created_at,
  };
}

export function toRollout(row: RolloutRow): Rollout {
  return {
    id: row.id,
    name: row.name,
    releaseId: row.release_id,
    model: row.model,
    audience: JSON.parse(row.audience) as Audience,
    state: row.state as RolloutState,
    allowDowngrade: row.allow_downgrade === 1,
    deadlineMs: row.deadline_ms,
    createdAtMs: row.created_at,
  };
}

/** @param attempt the device's last attempt, when it has one */
export function toDeviceRecord(row: DeviceRow, attempt: AttemptRow | undefined): DeviceRecord {
  return {
    number: row.number,
    device: {
      id: row.id,
      model: row.model,
      version: row.version,
      build: row.build ?? undefined,
      imageSha256: row.image_sha256 ?? undefined,
      chip: row.chip ?? undefined,
      groups: parseList(row.groups),
      setbacks: JSON.parse(row.setbacks) as Record<number, number>,
    },
    attempt: attempt === undefined ? undefined : toAttempt(attempt),
    lastSeenAtMs: row.last_seen_at,
    checkedAtMs: row.checked_at,
    createdAtMs: row.created_at,
  };
}

export function toAttempt(row: AttemptRow): Attempt {
  return {
    id: row.id,
    releaseId: row.release_id,
    rolloutId: row.rollout_id ?? undefined,
    state: row.state as Attempt['state'],
    progress: row.progress,
    bytes: row.bytes,
    error: row.error ?? undefined,
    fromVersion: row.from_version,
    fromBuild: row.from_build ?? undefined,
    createdAtMs: row.created_at,
    startedAtMs: row.started_at ?? undefined,
    downloadedAtMs: row.downloaded_at ?? undefined,
    installedAtMs: row.installed_at ?? undefined,
    completedAtMs: row.completed_at ?? undefined,
    updatedAtMs: row.updated_at,
    uptimeMs: row.uptime_ms ?? undefined,
    deadlineAtMs: row.deadline_at ?? undefined,
  };
}

export function fromAttempt(deviceId: string, attempt: Attempt): NewAttempt {
  return {
    ...(attempt.id === undefined ? {} : { id: attempt.id }),
    device_id: deviceId,
    release_id: attempt.releaseId,
    rollout_id: attempt.rolloutId ?? null,
    state: attempt.state,
    progress: attempt.progress,
    bytes: attempt.bytes,
    error: attempt.error ?? null,
    from_version: attempt.fromVersion,
    from_build: attempt.fromBuild ?? null,
    created_at: attempt.createdAtMs,
    started_at: attempt.startedAtMs ?? null,
    downloaded_at: attempt.downloadedAtMs ?? null,
    installed_at: attempt.installedAtMs ?? null,
    completed_at: attempt.completedAtMs ?? null,
    updated_at: attempt.updatedAtMs,
    uptime_ms: attempt.uptimeMs ?? null,
    deadline_at: attempt.deadlineAtMs ?? null,
  };
}

export function fromDeviceRecord(record: DeviceRecord): Omit<DeviceRow, 'labels' | 'number'> {
  const { device, attempt } = record;
  return {
    id: device.id,
    model: device.model,
    version: device.version,
    build: device.build ?? null,
    image_sha256: device.imageSha256 ?? null,
    chip: device.chip ?? null,
    groups: JSON.stringify(device.groups),
    setbacks: JSON.stringify(device.setbacks),
    attempt_id: attempt?.id ?? null,
    last_seen_at: record.lastSeenAtMs,
    checked_at: record.checkedAtMs,
    created_at: record.createdAtMs,
  };
}
