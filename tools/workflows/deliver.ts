import { setMaxListeners } from 'node:events';
import { errorToJson, OtaError } from '../core/errors.ts';
import { DeliveryFailure, type Receipt, type SendContext } from '../core/release/delivery.ts';
import type { PlannedDelivery } from '../core/release/deploy-plan.ts';
import { type DeliveryReport, plannedReport } from '../core/release/deploy-report.ts';
import { type RetryPolicy, retryDelayMs } from '../core/retry.ts';
import type { Clock } from './clock.ts';

/** What happens while deliveries run, for progress bars and plain lines. */
export type DeliveryEvent =
  | { readonly type: 'started'; readonly step: PlannedDelivery; readonly attempt: number }
  | { readonly type: 'progress'; readonly step: PlannedDelivery; readonly sentBytes: number }
  | {
      readonly type: 'retrying';
      readonly step: PlannedDelivery;
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  | { readonly type: 'ended'; readonly step: PlannedDelivery; readonly report: DeliveryReport };

export interface DeliverOptions {
  readonly policy: RetryPolicy;
  /** Overrides the channels' own timeouts. */
  readonly timeoutMs?: number;
  /** Deliveries under way at the same time. */
  readonly concurrency: number;
  /** Start no further delivery after a failure. */
  readonly failFast: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths in channel settings (`ca`, `cert`, `key`) start here. */
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** One try of one delivery. */
  attempt(step: PlannedDelivery, context: SendContext): Promise<Receipt>;
  notify(event: DeliveryEvent): void;
}

/**
 * Makes all deliveries, each with its retries, and tells how each ended. Never throws for a failed delivery: one
 * failure does not hide the others. Reports stand in the order of the steps.
 */
export async function deliverAll(
  steps: readonly PlannedDelivery[],
  options: DeliverOptions,
): Promise<DeliveryReport[]> {
  const reports = steps.map((step) => plannedReport(step, 'skipped'));
  const queue = steps.entries();
  // Every delivery under way listens to it; Node warns from the eleventh listener on.
  setMaxListeners(0, options.signal);
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const [index, step] of queue) {
      if (options.signal.aborted) reports[index] = plannedReport(step, 'cancelled');
      else if (!failed || !options.failFast) {
        const report = await deliver(step, options);
        reports[index] = report;
        failed ||= report.status !== 'delivered';
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.concurrency) }, worker));
  return reports;
}

/** What one attempt came to. */
type Outcome =
  | { readonly receipt: Receipt }
  | { readonly error: unknown; readonly retryAfterMs: number | undefined };

async function deliver(step: PlannedDelivery, options: DeliverOptions): Promise<DeliveryReport> {
  const startedAt = options.clock.now().getTime();
  let sentBytes = 0;
  for (let attempt = 1; ; attempt += 1) {
    sentBytes = 0;
    options.notify({ type: 'started', step, attempt });
    const outcome = await tryOnce(step, attempt, options, (bytes) => {
      sentBytes = bytes;
      options.notify({ type: 'progress', step, sentBytes: bytes });
    });
    const delayMs =
      'receipt' in outcome || outcome.retryAfterMs === undefined || options.signal.aborted
        ? undefined
        : retryDelayMs(options.policy, attempt, options.clock.random(), outcome.retryAfterMs);
    if (delayMs !== undefined && 'error' in outcome) {
      const reason = step.redact(errorToJson(outcome.error).message);
      options.notify({ type: 'retrying', step, attempt, delayMs, reason });
      await options.clock.wait(delayMs, options.signal);
      if (!options.signal.aborted) continue;
    }
    const seconds = (options.clock.now().getTime() - startedAt) / 1000;
    const base = { ...plannedReport(step), attempts: attempt, sent_bytes: sentBytes, seconds };
    const report = finish(base, outcome, step, options.signal);
    options.notify({ type: 'ended', step, report });
    return report;
  }
}

async function tryOnce(
  step: PlannedDelivery,
  attempt: number,
  options: DeliverOptions,
  onProgress: (sentBytes: number) => void,
): Promise<Outcome> {
  try {
    const receipt = await options.attempt(step, {
      signal: options.signal,
      attempt,
      env: options.env,
      cwd: options.cwd,
      now: options.clock.now,
      random: options.clock.random,
      onProgress,
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    });
    return { receipt };
  } catch (error) {
    if (!(error instanceof OtaError) && !options.signal.aborted) throw error; // a bug: exit 70
    const retryable = error instanceof DeliveryFailure && error.retryable;
    return { error, retryAfterMs: retryable ? (error.retryAfterMs ?? 0) : undefined };
  }
}

function finish(
  base: DeliveryReport,
  outcome: Outcome,
  step: PlannedDelivery,
  signal: AbortSignal,
): DeliveryReport {
  if ('receipt' in outcome) {
    const { sentBytes, warnings, answer, rollout } = outcome.receipt;
    const asked = base.rollout?.asked;
    return {
      ...base,
      status: 'delivered',
      sent_bytes: sentBytes,
      warnings: warnings.map(step.redact),
      ...(answer === undefined ? {} : { answer: step.redact(answer) }),
      ...(asked === undefined || rollout === undefined ? {} : { rollout: { asked, ...rollout } }),
    };
  }
  const json = errorToJson(outcome.error);
  // What else was found on the way out deserves a word: that a device may have been updated, say.
  const nothingElse = json.code === 'cancelled' || json.code === 'internal';
  if (signal.aborted && nothingElse) return { ...base, status: 'cancelled' };
  return {
    ...base,
    status: signal.aborted ? 'cancelled' : 'failed',
    error: {
      code: json.code,
      message: step.redact(json.message),
      ...(json.hint === undefined ? {} : { hint: step.redact(json.hint) }),
      ...(json.details === undefined ? {} : { details: json.details.map(step.redact) }),
    },
  };
}
