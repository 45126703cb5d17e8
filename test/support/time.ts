import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished, vi } from 'vitest';

/** From now on timers run only when `passTime` says so; sockets go on as ever. */
export function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** Until something has happened in this process; the test's own limit ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/**
 * Lets everything that is on its way through sockets of this process arrive, then lets time pass. What is
 * still silent then is silent for good.
 */
export async function passTime(ms: number): Promise<void> {
  for (let count = 0; count < 50; count += 1) await turn();
  await vi.advanceTimersByTimeAsync(ms);
}
