import { displayText } from '../../core/display-text.ts';
import type { DeployPlan } from '../../core/release/deploy-plan.ts';
import type { DeliveryReport, DeployReport } from '../../core/release/deploy-report.ts';
import type { PushedBinary } from '../../workflows/push.ts';
import { formatBytes, renderTable } from '../render.ts';

const rule = '='.repeat(60);

/** With more devices than this, results stand in a table. */
export const fewDevices = 8;

/** What is pushed where, before it begins. */
export function renderPushPlan(plan: DeployPlan, { facts, md5 }: PushedBinary): string {
  const [first] = plan.steps;
  const single = plan.steps.length === 1 && first !== undefined;
  const whom = single ? displayText(first.destination) : `${plan.steps.length} devices`;
  return [
    `${single ? '📦' : '🚀'} Pushing ${displayText(facts.filename)} to ${whom}`,
    `   Binary size: ${formatBytes(facts.sizeBytes)}`,
    `   Binary hash: ${md5} (SHA-256 ${facts.sha256})`,
    ...(facts.hardware === '' ? [] : [`   Chip:        ${displayText(facts.hardware)}`]),
  ].join('\n');
}

/** What would be done, device by device. */
export function renderDryRun(report: DeployReport): string {
  const lines = report.deliveries.map(
    ({ destination, settings }) =>
      `[dry-run] ${displayText(destination)}: ${displayText(JSON.stringify(settings))}`,
  );
  return [...renderWarnings(report), ...lines, 'dry run: nothing was sent'].join('\n');
}

/** How it went: each device, then the sum, as far as there is more than one. */
export function renderPushReport(report: DeployReport): string {
  const { deliveries } = report;
  const [only] = deliveries;
  if (deliveries.length === 1 && only !== undefined) {
    return [...renderWarnings(report), ...renderDevice(only)].join('\n');
  }
  const results =
    deliveries.length > fewDevices
      ? [
          renderTable(tableOf(deliveries)),
          ...deliveries.filter(({ error }) => error !== undefined).flatMap(renderDevice),
        ]
      : deliveries.flatMap(renderDevice);
  return [...renderWarnings(report), rule, ...results, rule, '', ...renderSummary(report)].join(
    '\n',
  );
}

function renderWarnings({ warnings }: DeployReport): string[] {
  return warnings.map((warning) => `⚠️  ${displayText(warning)}`);
}

function renderDevice(delivery: DeliveryReport): string[] {
  const { status, error, answer, warnings, attempts } = delivery;
  const name = displayText(delivery.destination);
  const more = warnings.map((warning) => `   warning: ${displayText(warning)}`);
  if (status === 'delivered') {
    return [`✅ ${name}: ${effortOf(delivery)}`, `   ${displayText(answer ?? 'done')}`, ...more];
  }
  if (error === undefined) return [`⏹  ${name}: ${words[status]}`];
  const tries = attempts > 1 ? ` (${attempts} attempts)` : '';
  return [
    `❌ ${name}: ${displayText(error.message)}${tries}`,
    ...(error.hint === undefined ? [] : [`   hint: ${displayText(error.hint)}`]),
    `   code: ${error.code}`,
  ];
}

const words: Readonly<Record<DeliveryReport['status'], string>> = {
  planned: 'planned',
  delivered: 'done',
  cleared: 'cleared',
  failed: 'failed',
  skipped: 'not tried',
  cancelled: 'cancelled',
};

function tableOf(deliveries: readonly DeliveryReport[]): string[][] {
  const rows = deliveries.map((delivery) => [
    displayText(delivery.destination),
    delivery.error?.code ?? words[delivery.status],
    delivery.attempts === 0 ? '' : `${delivery.seconds.toFixed(1)} s`,
    delivery.status === 'delivered' ? rateOf(delivery) : '',
    String(delivery.attempts),
  ]);
  return [['DEVICE', 'RESULT', 'TIME', 'SPEED', 'ATTEMPTS'], ...rows];
}

function renderSummary({ deliveries, cancelled }: DeployReport): string[] {
  const total = deliveries.length;
  const count = (status: DeliveryReport['status']): number =>
    deliveries.filter((delivery) => delivery.status === status).length;
  const good = count('delivered');
  const untried = count('skipped') + count('cancelled');
  return [
    `📊 Summary${cancelled ? ' (cancelled)' : ''}:`,
    `   Total devices: ${total}`,
    `   Successful:    ${good} ✅`,
    `   Failed:        ${count('failed')} ❌`,
    ...(untried === 0 ? [] : [`   Not done:      ${untried}`]),
    `   Success rate:  ${((good / total) * 100).toFixed(1)}%`,
  ];
}

function effortOf(delivery: DeliveryReport): string {
  const size = formatBytes(delivery.size);
  return `${size} in ${delivery.seconds.toFixed(1)} s (${rateOf(delivery)})`;
}

function rateOf({ size, seconds }: DeliveryReport): string {
  return seconds > 0 ? `${formatBytes(Math.round(size / seconds))}/s` : 'at once';
}
