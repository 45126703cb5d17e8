import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createUpkeep } from '../../tools/service/upkeep.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('does the rest when something fails, and tells of it once until it works again', async () => {
  const told: string[] = [];
  let done = 0;
  let isAway = true;
  const upkeep = createUpkeep({
    counting: async () => {
      done += 1;
    },
    'asking what is away': async () => {
      if (isAway) throw new Error('away');
    },
  });
  upkeep.start({ error: (_facts, message) => void told.push(message) });
  await vi.advanceTimersByTimeAsync(15_000);
  expect([done, told]).toEqual([3, ['asking what is away failed']]);
  isAway = false;
  await vi.advanceTimersByTimeAsync(5000);
  isAway = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(told).toEqual(['asking what is away failed', 'asking what is away failed']);
  upkeep.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(done).toBe(6);
});
