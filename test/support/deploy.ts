import { defaultRetryPolicy } from '../../tools/core/retry.ts';
import type { DeployOptions } from '../../tools/workflows/deploy.ts';

/** Options of a deployment that waits for nothing; a test changes what it is about. */
export function sampleDeploy(
  changes: Partial<DeployOptions> & Pick<DeployOptions, 'manifestPath' | 'available'>,
): DeployOptions {
  return {
    version: 'latest',
    transports: [],
    overrides: {},
    devices: [],
    variables: { OTA_TOKEN: 'hunter22' },
    dryRun: false,
    policy: defaultRetryPolicy,
    concurrency: 1,
    failFast: false,
    env: {},
    signal: new AbortController().signal,
    clock: { now: () => new Date('2026-02-03T04:05:06Z'), random: () => 0, wait: async () => {} },
    notify: () => {},
    ...changes,
  };
}
