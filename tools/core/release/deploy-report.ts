import type { ErrorJson } from '../errors.ts';
import { formatAudience } from '../fleet/offers/audience-text.ts';
import type { StartedRollout } from './delivery.ts';
import type { DeployPlan, PlannedDelivery } from './deploy-plan.ts';

/**
 * How one delivery ended. `cleared`: nothing that an earlier delivery left stands any more. `skipped`: not tried,
 * because an earlier one failed and `--fail-fast` was given.
 */
export type DeliveryStatus =
  | 'planned'
  | 'delivered'
  | 'cleared'
  | 'failed'
  | 'skipped'
  | 'cancelled';

/** What happened to one delivery (schemas/deploy-report.schema.json). */
export interface DeliveryReport {
  readonly transport: string;
  readonly artifact: string;
  readonly filename: string;
  readonly destination: string;
  readonly size: number;
  readonly sha256: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  /** Bytes handed to the network in the last attempt. */
  readonly sent_bytes: number;
  readonly seconds: number;
  readonly warnings: readonly string[];
  readonly answer?: string;
  /** `asked`: as `--rollout` takes it; the rest is there when the other side has answered. */
  readonly rollout?: { readonly asked: string } & Partial<StartedRollout>;
  readonly error?: ErrorJson;
}

export interface DeployReport {
  readonly report_version: 1;
  readonly ok: boolean;
  readonly dry_run: boolean;
  readonly cancelled: boolean;
  readonly product: string;
  readonly version: string;
  readonly started_at: string;
  readonly finished_at: string;
  readonly warnings: readonly string[];
  readonly deliveries: readonly DeliveryReport[];
}

/** The report of a delivery that has not been tried. */
export function plannedReport(
  step: PlannedDelivery,
  status: DeliveryStatus = 'planned',
): DeliveryReport {
  return {
    transport: step.transport,
    artifact: step.artifact.artifact,
    filename: step.artifact.filename,
    destination: step.destination,
    size: step.artifact.sizeBytes,
    sha256: step.artifact.sha256,
    settings: step.settings,
    status,
    attempts: 0,
    sent_bytes: 0,
    seconds: 0,
    warnings: [],
    ...(step.rollout === undefined ? {} : { rollout: { asked: formatAudience(step.rollout) } }),
  };
}

/** Joins the reports of all deliveries into the report of the run. */
export function summarize(
  plan: DeployPlan,
  deliveries: readonly DeliveryReport[],
  run: { dryRun: boolean; startedAt: Date; finishedAt: Date },
): DeployReport {
  const good = run.dryRun ? 'planned' : 'delivered';
  return {
    report_version: 1,
    ok: deliveries.every(({ status }) => status === good),
    dry_run: run.dryRun,
    cancelled: deliveries.some(({ status }) => status === 'cancelled'),
    product: plan.product,
    version: plan.version,
    started_at: run.startedAt.toISOString(),
    finished_at: run.finishedAt.toISOString(),
    warnings: [
      ...plan.missing.map((place) => `${place} has no value`),
      ...plan.leftovers.map((place) => `${place} is a stand-in`),
    ],
    deliveries,
  };
}
