import type { DeviceRecord } from './record.ts';

/** When something happens to a device. */
export interface Moment {
  /** What the clock says; deadlines count from here. */
  readonly nowMs: number;
  /**
   * What goes into the history: later than all that stands there, also when the clock was put back meanwhile. What
   * follows what is concluded from these times, so it must not depend on how a clock is set.
   */
  readonly atMs: number;
}

export function momentOf(
  record: Pick<DeviceRecord, 'attempt' | 'checkedAtMs'> | undefined,
  nowMs: number,
): Moment {
  const lastMoveMs = record?.attempt?.updatedAtMs ?? -1;
  return { nowMs, atMs: Math.max(nowMs, record?.checkedAtMs ?? 0, lastMoveMs + 1) };
}

/** A time this far ahead of a fresh one was written before the clock was put back. */
export const takenBackMs = 60 * 60 * 1000;

/** The later of two times at which a device was seen; a stored one that is far ahead gives way. */
export function laterSeen(storedMs: number, freshMs: number): number {
  return freshMs > storedMs || storedMs > freshMs + takenBackMs ? freshMs : storedMs;
}
