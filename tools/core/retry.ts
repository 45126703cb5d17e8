export interface RetryPolicy {
  /** Attempts after the first one. */
  readonly retries: number;
  /** Wait before the first retry, in milliseconds; doubles with each one. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Retries wait 1, 2, 4 s and so on, up to a minute. */
export const defaultRetryPolicy: RetryPolicy = { retries: 3, baseMs: 1000, maxMs: 60_000 };

/**
 * How long to wait before the next attempt, in milliseconds, or `undefined` when there is none.
 * Jitter adds up to a quarter, so that many clients do not come back at the same moment.
 *
 * @param attempt the attempt that failed, from 1
 * @param random a number in [0, 1)
 * @param atLeastMs what the other side asked for (Retry-After), honoured without jitter when longer
 */
export function retryDelayMs(
  policy: RetryPolicy,
  attempt: number,
  random: number,
  atLeastMs = 0,
): number | undefined {
  if (attempt > policy.retries) return;
  const backoffMs = Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1));
  return Math.max(atLeastMs, Math.round(backoffMs * (1 + random / 4)));
}
