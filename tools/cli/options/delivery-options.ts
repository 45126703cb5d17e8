import { defaultRetryPolicy } from '../../core/retry.ts';
import { createClock } from '../../workflows/clock.ts';
import type { DeliverOptions } from '../../workflows/deliver.ts';
import type { Io } from '../io.ts';
import type { ProgressMode } from '../views/delivery-view.ts';
import { deviceOptions } from './device-options.ts';
import {
  jsonOption,
  numberBetween,
  setOption,
  verboseOption,
  wholeNumberBetween,
} from './options.ts';

/** To which devices firmware is sent, how, and how that is told: for every command that makes deliveries. */
export const deliveryOptions = {
  ...deviceOptions,
  ...setOption,
  retries: {
    type: 'number',
    default: defaultRetryPolicy.retries,
    describe: 'attempts after the first one (waits 1, 2, 4 s)',
  },
  concurrency: { type: 'number', default: 4, describe: 'devices at the same time' },
  'fail-fast': { type: 'boolean', default: false, describe: 'begin nothing after a failure' },
  ...jsonOption,
  report: { type: 'string', normalize: true, describe: 'write the report to this file, too' },
  progress: {
    choices: ['auto', 'plain', 'none'] as ProgressMode[],
    default: 'auto' as ProgressMode,
    describe: 'bars on a terminal, plain lines, or nothing',
  },
  ...verboseOption,
} as const;

export interface DeliveryFlags {
  readonly retries: number;
  readonly timeout: number | undefined;
  readonly concurrency: number;
  readonly 'fail-fast': boolean;
  readonly json: boolean;
  readonly report: string | undefined;
  readonly progress: ProgressMode;
}

/** What the flags and the world say about deliveries. @throws OtaError `usage` for numbers that are none, or out of range */
export function readDeliveryFlags(
  flags: DeliveryFlags,
  io: Io,
): Pick<
  DeliverOptions,
  'policy' | 'concurrency' | 'failFast' | 'timeoutMs' | 'env' | 'signal' | 'clock'
> {
  const { timeout } = flags;
  return {
    policy: {
      ...defaultRetryPolicy,
      retries: wholeNumberBetween('retries', flags.retries, 0, 100),
    },
    concurrency: wholeNumberBetween('concurrency', flags.concurrency, 1, 1000),
    failFast: flags['fail-fast'],
    env: io.env,
    signal: io.signal,
    clock: createClock(io),
    ...(timeout === undefined
      ? {}
      : { timeoutMs: numberBetween('timeout', timeout, 0.001, 86_400) * 1000 }),
  };
}
