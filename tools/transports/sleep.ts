import { setTimeout as realSleep } from 'node:timers/promises';

/** Sleeps by some clock; rejects when the signal is aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export const bySystem: Sleep = (ms, signal) => realSleep(ms, undefined, { signal });
