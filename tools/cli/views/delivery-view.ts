import { displayText } from '../../core/display-text.ts';
import { formatAudience } from '../../core/fleet/offers/audience-text.ts';
import type { DeployPlan, PlannedDelivery } from '../../core/release/deploy-plan.ts';
import type { DeliveryReport, DeployReport } from '../../core/release/deploy-report.ts';
import type { DeliveryEvent } from '../../workflows/deliver.ts';
import { writeJsonFile } from '../../workspace/changes/json-write.ts';
import { type Io, line, writeJson } from '../io.ts';
import { absolute } from '../options/options.ts';
import { formatBytes } from '../render.ts';
import { createProgressBars } from './progress.ts';

export type ProgressMode = 'auto' | 'plain' | 'none';

/** Shows deliveries while they run: bars on a terminal, plain lines otherwise. */
export interface DeliveryView {
  notify(event: DeliveryEvent): void;
  close(): void;
}

export interface DeliveryViewOptions {
  /** What a delivery is called; different for each of a run. */
  readonly nameOf?: (step: PlannedDelivery) => string;
  /** Bars of finished deliveries go away: for many of them. Default they stay. */
  readonly onlyRunning?: boolean;
}

export function createDeliveryView(
  io: Io,
  flags: { readonly json: boolean; readonly progress: ProgressMode },
  options: DeliveryViewOptions = {},
): DeliveryView {
  const nameOf = options.nameOf ?? nameByFile;
  const mode = flags.json ? 'none' : flags.progress;
  if (mode === 'none') return { notify: () => {}, close: () => {} };
  if (mode === 'auto' && io.stderr.isTTY) return createBars(io, nameOf, options.onlyRunning);
  return { notify: (event) => sayPlainly(io, event, nameOf), close: () => {} };
}

/** Plain lines: one at each attempt, one before each retry, one at the end. */
function sayPlainly(io: Io, event: DeliveryEvent, nameOf: (step: PlannedDelivery) => string): void {
  const name = displayText(nameOf(event.step));
  if (event.type === 'started') line(io.stderr, `${name}: attempt ${event.attempt}`);
  if (event.type === 'retrying') {
    line(
      io.stderr,
      `${name}: ${event.reason}; next attempt in ${(event.delayMs / 1000).toFixed(1)} s`,
    );
  }
  if (event.type === 'ended') line(io.stderr, `${name}: ${event.report.status}`);
}

function createBars(
  io: Io,
  nameOf: (step: PlannedDelivery) => string,
  onlyRunning = false,
): DeliveryView {
  const bars = createProgressBars(io.stderr);
  return {
    notify(event) {
      const name = displayText(nameOf(event.step));
      const total = event.step.artifact.sizeBytes;
      if (event.type === 'started') bars.update(name, 0, total, 'connecting');
      if (event.type === 'progress') bars.update(name, event.sentBytes, total, 'sending');
      if (event.type === 'retrying') bars.update(name, 0, total, 'waiting to retry');
      if (event.type === 'ended') bars.finish(name, event.report.status, !onlyRunning);
    },
    close: bars.close,
  };
}

function nameByFile(step: PlannedDelivery): string {
  return `${step.transport} ${step.artifact.filename}`;
}

/** What is going to be done, for people: every delivery with its settings. */
export function renderPlan(plan: DeployPlan, dryRun: boolean): string {
  const prefix = dryRun ? '[dry-run] ' : '';
  const lines = [
    `${prefix}${plan.product} ${plan.version}: ${count(plan.steps.length, 'delivery', 'deliveries')}`,
  ];
  for (const step of plan.steps) {
    const { filename, sizeBytes, sha256 } = step.artifact;
    lines.push(`${prefix}${step.transport}: ${filename} -> ${step.destination}`);
    lines.push(
      `${prefix}  ${sizeBytes} bytes (${formatBytes(sizeBytes)}), SHA-256 ${sha256}, verified`,
    );
    if (step.rollout !== undefined)
      lines.push(`${prefix}  rollout ${formatAudience(step.rollout)}`);
    if (dryRun) lines.push(`${prefix}  settings ${JSON.stringify(step.settings)}`);
  }
  return lines.join('\n');
}

/** What is going to be cleared, for people. */
export function renderClearing(plan: DeployPlan, dryRun: boolean): string {
  const prefix = dryRun ? '[dry-run] ' : '';
  return plan.steps
    .map(({ transport, artifact, destination }) => {
      return `${prefix}clear ${transport}: ${artifact.filename} -> ${destination}`;
    })
    .join('\n');
}

/** How it went, for people: each delivery, then the sum. */
export function renderReport(
  report: DeployReport,
  done: 'delivered' | 'cleared' = 'delivered',
): string {
  const lines = report.deliveries.flatMap(renderDelivery);
  for (const warning of report.warnings) lines.push(`warning: ${warning}; a live run stops here`);
  if (report.dry_run) return [...lines, 'dry run: nothing was sent'].join('\n');
  const good = report.deliveries.filter(({ status }) => status === done).length;
  const cancelled = report.cancelled ? ' (cancelled)' : '';
  return [...lines, `${good} of ${report.deliveries.length} ${done}${cancelled}`].join('\n');
}

function renderDelivery(delivery: DeliveryReport): string[] {
  if (delivery.status === 'planned') return [];
  const { transport, filename, status, seconds, sent_bytes: sent, attempts, error } = delivery;
  const moved = status !== 'cleared';
  const rate = moved && seconds > 0 ? `, ${formatBytes(Math.round(sent / seconds))}/s` : '';
  const amount = moved ? `${formatBytes(sent)} in ` : '';
  const effort = `${amount}${seconds.toFixed(1)} s${rate}, ${count(attempts, 'attempt', 'attempts')}`;
  const mark = status === 'delivered' ? 'ok' : status;
  const lines = [`${mark}: ${transport} ${filename} -> ${delivery.destination} (${effort})`];
  const { rollout } = delivery;
  if (rollout?.outcome !== undefined)
    lines.push(
      `  rollout ${rollout.name} ${rollout.outcome}: ${rollout.state}, ${rollout.audience}`,
    );
  if (delivery.answer !== undefined) lines.push(`  answer: ${delivery.answer}`);
  for (const warning of delivery.warnings) lines.push(`  warning: ${warning}`);
  if (error !== undefined) lines.push(`  ${error.message}`);
  for (const detail of error?.details ?? []) lines.push(`  - ${detail}`);
  if (error?.hint !== undefined) lines.push(`  hint: ${error.hint}`);
  if (error !== undefined) lines.push(`  code: ${error.code}`);
  return lines;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** Writes the report to where it is wanted, for machines or as `render` tells it to people; the exit status. */
export async function tellReport(
  report: DeployReport,
  flags: { readonly json: boolean; readonly report: string | undefined },
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
