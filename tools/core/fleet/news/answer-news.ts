import { OtaError } from '../../errors.ts';
import { isClosedAttempt, judgeReport } from '../attempts/attempt.ts';
import { moved, unchanged } from '../attempts/change.ts';
import { isMidUpdate, sameDevice } from '../attempts/check-in.ts';
import { momentOf } from '../attempts/moment.ts';
import type { Attempt, DeviceRecord, FleetCatalog, FleetChange } from '../attempts/record.ts';
import { answerReport } from '../attempts/report.ts';
import type { ReleaseFacts } from '../offers/release-facts.ts';
import { hasRestarted } from './device-clock.ts';
import { evidenceOf } from './evidence.ts';
import type { DeviceNews, NewsReport } from './news.ts';
import { isCheck, isLate, isSighting, seenRecord, targetOf } from './seen.ts';
import { tellUpdate } from './tell-update.ts';

/** What became of a message. */
export type NewsOutcome =
  | 'taken'
  /** Nothing new. */
  | 'repeated'
  /** Something later is known already. */
  | 'overtaken'
  /** It cannot follow what was reported before. */
  | 'illegal'
  /** It is about a version that the service does not have for this model. */
  | 'release-unknown'
  /** It names no version, and no attempt is under way that it could be about. */
  | 'not-attributed';

export interface NewsAnswer extends FleetChange {
  readonly outcome: NewsOutcome;
  /** The device was heard of just now, and whether that is as good as a check. */
  readonly heard: boolean;
  readonly checked: boolean;
  readonly detail?: string;
  /** The release that the device is to be told of now. */
  readonly tell?: ReleaseFacts;
}

export interface NewsContext {
  readonly catalog: FleetCatalog;
  readonly nowMs: number;
  /** The model of a new device that does not say it. */
  readonly fallbackModel: string;
  /** Whether devices that can be told to update are offered updates. */
  readonly offers: boolean;
}

/**
 * Takes a message of a device into account: registers it, draws the conclusions from what it runs, takes its report,
 * and chooses what it is to be told.
 */
export function answerNews(
  record: DeviceRecord | undefined,
  news: DeviceNews,
  context: NewsContext,
): NewsAnswer {
  const { catalog, nowMs } = context;
  const moment = momentOf(record, nowMs);
  if (record !== undefined && isLate(record, news, catalog, moment)) {
    return { ...unchanged(record), outcome: 'overtaken', heard: false, checked: false };
  }
  const seen = seenRecord(record, news, context.fallbackModel, moment);
  const target = targetOf(seen, news.report, catalog);
  const proved = evidenceOf(seen, news, target, catalog, moment);
  const proof = proved === undefined ? unchanged(seen) : moved(seen, [proved]);
  const reported = takeReport(proof.record, news, target, context);
  const asks = context.offers && news.asks === true && isSighting(news);
  const asked: FleetChange & { tell?: ReleaseFacts } = asks
    ? tellUpdate(reported.record, catalog, momentOf(reported.record, nowMs))
    : unchanged(reported.record);
  const moves = [...proof.moves, ...reported.moves, ...asked.moves];
  const { device, attempt, checkedAtMs } = asked.record;
  const attempts = lastOfEach([...proof.attempts, ...reported.attempts, ...asked.attempts]);
  const deviceChanged =
    record === undefined ||
    !sameDevice(record.device, device) ||
    attempt?.id !== record.attempt?.id ||
    (checkedAtMs !== record.checkedAtMs && isMidUpdate(attempt));
  const worthIt = deviceChanged || attempts.length > 0;
  return {
    moves,
    attempts,
    deviceChanged,
    record: asked.record,
    outcome: reported.outcome === 'repeated' && worthIt ? 'taken' : reported.outcome,
    heard: !news.retained,
    checked: isCheck(news, record?.attempt, moment),
    ...(reported.detail === undefined ? {} : { detail: reported.detail }),
    ...(asked.tell === undefined ? {} : { tell: asked.tell }),
  };
}

interface Step extends FleetChange {
  readonly outcome: NewsOutcome;
  readonly detail?: string;
}

function takeReport(
  record: DeviceRecord,
  news: DeviceNews,
  release: ReleaseFacts | undefined,
  { catalog, nowMs }: NewsContext,
): Step {
  const { report, uptimeMs } = news;
  const nothing = (outcome: NewsOutcome): Step => ({ ...unchanged(record), outcome });
  if (report === undefined) return nothing('repeated');
  if (release === undefined) {
    return nothing(report.version === undefined ? 'not-attributed' : 'release-unknown');
  }
  const { attempt } = record;
  const own = attempt?.releaseId === release.id ? attempt : undefined;
  const mayBegin = !news.retained && report.version !== undefined;
  if (!mayBegin && !continues(own, report)) {
    return nothing(news.retained ? 'repeated' : 'not-attributed');
  }
  if (news.retained && (own === undefined || isClosedAttempt(own.state)))
    return nothing('repeated');
  const moment = momentOf(record, nowMs);
  const restarted = attempt !== undefined && hasRestarted(news, attempt, moment) === true;
  try {
    const change = answerReport(
      record,
      { ...report, uptimeMs, release, restarted, continues: !mayBegin },
      catalog,
      nowMs,
    );
    return {
      ...change,
      record: { ...change.record, lastSeenAtMs: record.lastSeenAtMs },
      outcome: change.attempts.length > 0 ? 'taken' : 'repeated',
    };
  } catch (error) {
    if (!(error instanceof OtaError) || error.code !== 'transition-illegal') throw error;
    return { ...nothing('illegal'), detail: error.message };
  }
}

/** Whether a report goes on with an attempt, as opposed to beginning one. */
function continues(own: Attempt | undefined, report: NewsReport): boolean {
  const kind = judgeReport(own?.state, report.status, false).kind;
  return own !== undefined && kind !== 'restart';
}

/** Every attempt once, as it is in the end; a new one has no number yet. */
function lastOfEach(attempts: readonly Attempt[]): Attempt[] {
  return attempts.filter(
    ({ id }, index) => !attempts.slice(index + 1).some((later) => later.id === id),
  );
}
