import type { DeployReport } from '../../core/release/deploy-report.ts';
import { defaultRetryPolicy } from '../../core/retry.ts';
import type { DeliverOptions } from '../../workflows/deliver.ts';
import { writeJsonFile } from '../../workspace/changes/json-write.ts';
import { type Io, line, writeJson } from '../io.ts';
import type { ProgressMode } from '../views/delivery-view.ts';
import { absolute, jsonOption, numberBetween, wholeNumberBetween } from './options.ts';

/** How firmware is sent, and how that is told: for every command that makes deliveries. */
export const deliveryOptions = {
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

/** @throws OtaError `usage` for numbers that are none, or out of range */
export function readDeliveryFlags(
  flags: DeliveryFlags,
): Pick<DeliverOptions, 'policy' | 'concurrency' | 'failFast' | 'timeoutMs'> {
  const { timeout } = flags;
  return {
    policy: {
      ...defaultRetryPolicy,
      retries: wholeNumberBetween('retries', flags.retries, 0, 100),
    },
    concurrency: wholeNumberBetween('concurrency', flags.concurrency, 1, 1000),
    failFast: flags['fail-fast'],
    ...(timeout === undefined
      ? {}
      : { timeoutMs: numberBetween('timeout', timeout, 0.001, 86_400) * 1000 }),
  };
}

/** Writes the report to where it is wanted, for machines or as `render` tells it to people; the exit status. */
export async function tellReport(
  report: DeployReport,
  flags: DeliveryFlags,
  io: Io,
  render: (report: DeployReport) => string,
): Promise<number> {
  // First, because what has been sent must be told even when the file cannot be written.
  if (!flags.json) line(io.stdout, render(report));
  if (flags.report !== undefined) await writeJsonFile(absolute(io, flags.report), report);
  if (flags.json) writeJson(io.stdout, report);
  if (report.cancelled) return 130;
  return report.ok ? 0 : 1;
}
