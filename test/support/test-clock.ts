/** A clock that runs ahead of the real one, and can be put forward. */
export interface TestClock {
  /** Milliseconds. */
  now(): number;
  /** Until so much of this clock's time has passed; rejects when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Puts the clock forward: who sleeps wakes up. */
  skip(ms: number): void;
}

/** @param pace how many times faster than real time it runs */
export function createTestClock(pace = 1): TestClock {
  const start = Date.now();
  const sleepers = new Set<() => void>();
  let skippedMs = 0;
  const now = () => start + (Date.now() - start) * pace + skippedMs;
  return {
    now,
    sleep(ms, signal) {
      const until = now() + ms;
      return new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          clearTimeout(timer);
          sleepers.delete(look);
          signal.removeEventListener('abort', stop);
          settle();
        };
        const stop = () => end(() => reject(signal.reason));
        const look = () => {
          if (now() >= until) end(resolve);
        };
        const timer = setTimeout(() => end(resolve), ms / pace);
        sleepers.add(look);
        signal.addEventListener('abort', stop);
        if (signal.aborted) stop();
      });
    },
    skip(ms) {
      skippedMs += ms;
      for (const look of [...sleepers]) look();
    },
  };
}
