import { countSetback } from './move.ts';
import type { DeviceRecord, FleetChange, Move } from './record.ts';

/** Nothing to store. */
export function unchanged(record: DeviceRecord): FleetChange {
  return { record, deviceChanged: false, attempts: [], moves: [] };
}

/** What moves do to a device; the last one is of the attempt that is its own from now on. */
export function moved(record: DeviceRecord, moves: readonly Move[]): FleetChange {
  let { device } = record;
  for (const { attempt, from, to } of moves) {
    device = countSetback(device, attempt.releaseId, from, to);
  }
  const attempts = moves.map(({ attempt }) => attempt);
  const attempt = attempts.at(-1) ?? record.attempt;
  return { moves, attempts, deviceChanged: true, record: { ...record, device, attempt } };
}
