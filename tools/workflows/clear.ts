import { dirname } from 'node:path';
import { OtaError } from '../core/errors.ts';
import { planDeploy } from '../core/release/deploy-plan.ts';
import { type DeployReport, plannedReport, summarize } from '../core/release/deploy-report.ts';
import { requireFilled } from '../core/release/placeholders.ts';
import { openWorkspace, readManifest, readRelease } from '../workspace/workspace.ts';
import { deliverAll } from './deliver.ts';
import type { DeployOptions } from './deploy.ts';

/**
 * Clears what deployments of a release left standing, such as retained announcements. What has taken its place is left
 * alone. The release need not be fit to be deployed any more: its signatures and artifacts are not looked at.
 *
 * @throws OtaError before anything is cleared: manifests, plan, placeholders without a value, `nothing-to-clear`
 */
export async function clearDeployed(options: DeployOptions): Promise<DeployReport> {
  const startedAt = options.clock.now();
  const workspace = openWorkspace(options.manifestPath, options.outputFolder);
  const manifest = await readManifest(workspace);
  const { release } = await readRelease(workspace, manifest, options.version);
  const plan = planDeploy(options, {
    manifest,
    release,
    signatures: new Map(),
    transports: options.available,
    variables: options.variables,
  });
  const steps = plan.steps.filter(({ clear }) => clear !== undefined);
  if (steps.length === 0) throw nothingToClear(release.version);
  if (!options.dryRun) requireFilled(plan.missing, plan.leftovers);
  options.onPlan?.({ ...plan, steps });
  const reports = options.dryRun
    ? steps.map((step) => plannedReport(step))
    : await deliverAll(steps, {
        ...options,
        cwd: dirname(options.manifestPath),
        attempt: async (step, context) => {
          if (step.clear === undefined) throw nothingToClear(release.version);
          return await step.clear(context);
        },
      });
  const run = { dryRun: options.dryRun, startedAt, finishedAt: options.clock.now() };
  const report = summarize(plan, reports, run);
  const deliveries = report.deliveries.map((delivery) =>
    delivery.status === 'delivered' ? { ...delivery, status: 'cleared' as const } : delivery,
  );
  return { ...report, deliveries };
}

function nothingToClear(version: string): OtaError {
  return new OtaError(
    'nothing-to-clear',
    `release ${version} leaves nothing that could be cleared`,
    {
      hint: 'Only messages that an MQTT broker keeps can be: the release must use mqtt.',
    },
  );
}
