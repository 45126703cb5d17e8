import type { FleetStore } from '../store/fleet-store.ts';

/** Ends attempts of devices that have been silent for too long. */
export interface Deadlines {
  /** One round; how many attempts were ended. */
  round(): Promise<number>;
}

export interface DeadlinesOptions {
  readonly store: Pick<FleetStore, 'expire'>;
  now(): number;
  /** Milliseconds of a clock that nobody can set. */
  elapsed(): number;
}

/** A clock that went on by so much more than time did was set. */
const jumpMs = 60_000;
/** So long at most after a start or a jump a deadline waits. */
const longestHearingMs = 60 * 60 * 1000;

/**
 * Silence counts while the service can hear: after a start, after the database was away and after the clock was set
 * forward, no attempt ends before its own deadline (an hour is enough for longer ones) has gone by once more. So a jump
 * of the clock that is taken back ends nothing, and neither does the first round after a night without power.
 */
export function createDeadlines({ store, now, elapsed }: DeadlinesOptions): Deadlines {
  let hearingSince = elapsed();
  let last = { nowMs: now(), elapsedMs: hearingSince };
  return {
    async round() {
      const current = { nowMs: now(), elapsedMs: elapsed() };
      const aheadMs = current.nowMs - last.nowMs - (current.elapsedMs - last.elapsedMs);
      last = current;
      if (aheadMs > jumpMs) hearingSince = current.elapsedMs;
      const heardMs = current.elapsedMs - hearingSince;
      try {
        return await store.expire(current.nowMs, heardMs < longestHearingMs ? heardMs : undefined);
      } catch (error) {
        hearingSince = elapsed();
        throw error;
      }
    },
  };
}
