import { describe, expect, it } from 'vitest';
import { defaultRetryPolicy, retryDelayMs } from '../../tools/core/retry.ts';

describe('the wait before a retry', () => {
  it('is 1, 2 and 4 seconds, and then there is none', () => {
    expect([1, 2, 3, 4].map((attempt) => retryDelayMs(defaultRetryPolicy, attempt, 0))).toEqual([
      1000,
      2000,
      4000,
      undefined,
    ]);
  });

  it('grows by up to a quarter by chance', () => {
    expect(retryDelayMs(defaultRetryPolicy, 1, 0.999)).toBeCloseTo(1250, -1);
  });

  it('is never longer than the policy allows, unless the other side asks for more', () => {
    const policy = { ...defaultRetryPolicy, retries: 20 };
    expect(retryDelayMs(policy, 15, 0)).toBe(60_000);
    expect(retryDelayMs(policy, 15, 0, 90_000)).toBe(90_000);
  });

  it('honours what the other side asks for', () => {
    expect(retryDelayMs(defaultRetryPolicy, 1, 0, 7000)).toBe(7000);
    expect(retryDelayMs(defaultRetryPolicy, 3, 0, 500)).toBe(4000);
  });
});
