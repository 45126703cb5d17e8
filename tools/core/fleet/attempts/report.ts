import { OtaError } from '../../errors.ts';
import type { ReleaseFacts } from '../offers/release-facts.ts';
import { isClosedAttempt, judgeReport, type ReportedStatus } from './attempt.ts';
import { moved, unchanged } from './change.ts';
import { type Moment, momentOf } from './moment.ts';
import { type AttemptNews, beginAttempt, deadlineOf, moveAttempt } from './move.ts';
import type { Attempt, DeviceRecord, FleetCatalog, FleetChange, Move } from './record.ts';

/** A device's word on how an update goes. */
export interface StatusReport extends AttemptNews {
  readonly status: ReportedStatus;
  readonly release: ReleaseFacts;
  /** The device has restarted since its last attempt moved. */
  readonly restarted?: boolean;
  /** It goes on with an attempt, and never begins another one. */
  readonly continues?: boolean;
}

/**
 * Takes a report into account. A repetition changes nothing.
 *
 * @throws OtaError `transition-illegal` when it cannot follow what was reported before
 */
export function answerReport(
  record: DeviceRecord,
  report: StatusReport,
  catalog: FleetCatalog,
  nowMs: number,
): FleetChange {
  const moment = momentOf(record, nowMs);
  const last = record.attempt;
  const attempt = last?.releaseId === report.release.id ? last : undefined;
  const checkedSince =
    attempt !== undefined &&
    report.continues !== true &&
    (report.restarted === true || record.checkedAtMs > attempt.updatedAtMs);
  const verdict = judgeReport(attempt?.state, report.status, checkedSince);
  switch (verdict.kind) {
    case 'repeat':
      return repeat(record, attempt, report, catalog, moment);
    case 'illegal':
      throw illegal(record, report);
    case 'move':
      return apply(record, [step(attempt, verdict.to, report, catalog, moment)], nowMs);
    case 'restart': {
      const steps: Move[] = [];
      if (
        last !== undefined &&
        (verdict.closes || attempt === undefined) &&
        !isClosedAttempt(last.state)
      ) {
        const to = verdict.closes ? 'failed' : 'cancelled';
        const error = verdict.closes
          ? 'interrupted: the device started over'
          : `the device takes ${report.release.version} instead`;
        steps.push(step(last, to, { error }, catalog, moment));
      }
      const rolloutId = rolloutFor(record, report.release, catalog);
      const fresh = beginAttempt(record.device, report.release.id, rolloutId, moment);
      const first = step(fresh, verdict.to, report, catalog, moment);
      steps.push({ ...first, from: undefined });
      return apply(record, steps, nowMs);
    }
  }
}

function step(
  attempt: Attempt | undefined,
  to: Attempt['state'],
  news: AttemptNews,
  catalog: FleetCatalog,
  moment: Moment,
): Move {
  if (attempt === undefined) throw new TypeError('a move needs an attempt');
  const next = moveAttempt(attempt, to, news, catalog, moment);
  return { attempt: next, from: attempt.state, to, source: 'report', detail: news.error };
}

function apply(record: DeviceRecord, moves: readonly Move[], nowMs: number): FleetChange {
  const change = moved(record, moves);
  const { device, attempt } = change.record;
  return {
    ...change,
    deviceChanged: device !== record.device || attempt?.id === undefined,
    record: { ...change.record, lastSeenAtMs: nowMs },
  };
}

/** The same state again: progress may have gone on, which is no transition. */
function repeat(
  record: DeviceRecord,
  attempt: Attempt | undefined,
  report: StatusReport,
  catalog: FleetCatalog,
  { atMs, nowMs }: Moment,
): FleetChange {
  if (attempt === undefined || isClosedAttempt(attempt.state)) return unchanged(record);
  const progress = report.progress ?? attempt.progress;
  const bytes = report.bytes ?? attempt.bytes;
  const error = report.error ?? attempt.error;
  if (progress === attempt.progress && bytes === attempt.bytes && error === attempt.error)
    return unchanged(record);
  const next: Attempt = {
    ...attempt,
    progress,
    bytes,
    error,
    updatedAtMs: atMs,
    uptimeMs: report.uptimeMs,
    deadlineAtMs:
      attempt.deadlineAtMs === undefined ? undefined : nowMs + deadlineOf(attempt, catalog),
  };
  return {
    ...unchanged(record),
    attempts: [next],
    record: { ...record, attempt: next, lastSeenAtMs: nowMs },
  };
}

/** The rollout that the device most likely follows, for an attempt that no check began. */
function rolloutFor(
  record: DeviceRecord,
  release: ReleaseFacts,
  catalog: FleetCatalog,
): number | undefined {
  if (record.attempt?.releaseId === release.id) return record.attempt.rolloutId;
  return catalog
    .rolloutsOf(record.device.model)
    .find(({ releaseId, state }) => releaseId === release.id && state === 'running')?.id;
}

function illegal(record: DeviceRecord, report: StatusReport): OtaError {
  const { id } = record.device;
  return new OtaError(
    'transition-illegal',
    `device ${id} reports ${report.status} of ${report.release.version} after ${record.attempt?.state}`,
    {
      hint: 'Steps may be skipped, not taken back; a new try begins with a check, then downloading.',
    },
  );
}
