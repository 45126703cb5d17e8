import { setTimeout as sleep } from 'node:timers/promises';

/** Time and chance as arguments, so that tests decide them. */
export interface Clock {
  now(): Date;
  /** In [0, 1). */
  random(): number;
  /** Ends early, without an error, when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** The real clock; `now` and `random` come from the caller. */
export function createClock(source: { now(): Date; random(): number }): Clock {
  return {
    now: () => source.now(),
    random: () => source.random(),
    async wait(ms, signal) {
      await sleep(ms, undefined, { signal }).catch(() => undefined);
    },
  };
}
