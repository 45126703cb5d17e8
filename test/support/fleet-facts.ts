import type { Device } from '../../tools/core/fleet/attempts/device.ts';
import type { ReleaseFacts } from '../../tools/core/fleet/offers/release-facts.ts';
import type { Rollout } from '../../tools/core/fleet/offers/rollout.ts';

/** A device that runs 1.0.0; a test changes one thing. */
export function aDevice(changes: Partial<Device> = {}): Device {
  return {
    id: 'esp32_001',
    model: 'esp32',
    version: '1.0.0',
    build: undefined,
    imageSha256: undefined,
    chip: undefined,
    groups: [],
    setbacks: {},
    ...changes,
  };
}

/** A release that needs a rollout. */
export function aRelease(changes: Partial<ReleaseFacts> = {}): ReleaseFacts {
  return {
    id: 1,
    model: 'esp32',
    version: '2.0.0',
    build: 0,
    sha256: 'aa'.repeat(32),
    elfSha256: undefined,
    chip: undefined,
    minVersion: undefined,
    stable: false,
    active: true,
    createdAtMs: 0,
    ...changes,
  };
}

/** A running rollout of release 1 to everybody. */
export function aRollout(changes: Partial<Rollout> = {}): Rollout {
  return {
    id: 1,
    name: 'all',
    releaseId: 1,
    model: 'esp32',
    audience: { kind: 'all', percentage: 100 },
    state: 'running',
    allowDowngrade: false,
    deadlineMs: 1000,
    createdAtMs: 0,
    ...changes,
  };
}
