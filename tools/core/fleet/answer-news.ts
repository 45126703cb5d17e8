import { OtaError } from '../errors.ts';
import { compareVersions, isSemanticVersion } from '../version.ts';
import { isClosedAttempt, judgeReport } from './attempt.ts';
import { moved, unchanged } from './change.ts';
import { isMidUpdate, sameDevice } from './check-in.ts';
import type { Device } from './device.ts';
import { hasRestarted, isFresh, isOvertaken } from './device-clock.ts';
import { evidenceOf } from './evidence.ts';
import type { DeviceNews, NewsReport } from './news.ts';
import type { Attempt, DeviceRecord, FleetCatalog, FleetChange } from './record.ts';
import { isRunning, type ReleaseFacts } from './release-facts.ts';
import { answerReport } from './report.ts';
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

/** A version that nobody has said yet. */
export const unknownVersion = 'unknown';

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
  if (record !== undefined && isLate(record, news, context)) {
    return { record, deviceChanged: false, attempts: [], moves: [], outcome: 'overtaken' };
  }
  const seen = seenRecord(record, news, context);
  const target = targetOf(seen, news.report, catalog);
  const proved = evidenceOf(seen, news, target, catalog, nowMs);
  const proof = proved === undefined ? unchanged(seen) : moved(seen, [proved]);
  const reported = takeReport(proof.record, news, target, context);
  const asks = context.offers && news.asks === true && isSighting(news);
  const asked: FleetChange & { tell?: ReleaseFacts } = asks
    ? tellUpdate(reported.record, catalog, nowMs)
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
    ...(reported.detail === undefined ? {} : { detail: reported.detail }),
    ...(asked.tell === undefined ? {} : { tell: asked.tell }),
  };
}

/** Whether a message tells of something that is over. */
function isLate(
  { attempt }: DeviceRecord,
  news: DeviceNews,
  { catalog, nowMs }: NewsContext,
): boolean {
  if (attempt === undefined) return false;
  if (isOvertaken(news, attempt, nowMs)) return true;
  // On the way to what was seen running already, from a version that it does not run any more.
  const release = catalog.release(attempt.releaseId);
  const { runs, report } = news;
  if (attempt.state !== 'confirmed' || !isFresh(attempt, nowMs)) return false;
  if (release === undefined || report === undefined || runs === undefined) return false;
  if (report.status === 'failed' || report.status === 'rolled_back') return false;
  const same = report.version === undefined || isSameVersion(release.version, report.version);
  return same && !isRunning(runs, release) && hasRestarted(news, attempt, nowMs) !== true;
}

/** A message that says what runs, and not how an update goes. */
function isSighting(news: DeviceNews): boolean {
  return news.report === undefined && news.runs !== undefined && !news.retained;
}

/**
 * Whether a message is as good as a check: the device is not at work on an update any more. Devices that are told to
 * update go on saying what they run in the middle of it.
 */
function isCheck(news: DeviceNews, attempt: Attempt | undefined, nowMs: number): boolean {
  if (!isSighting(news)) return false;
  if (news.asks !== true || attempt === undefined || !isMidUpdate(attempt)) return true;
  return hasRestarted(news, attempt, nowMs) === true;
}

function seenRecord(
  record: DeviceRecord | undefined,
  news: DeviceNews,
  { fallbackModel, nowMs }: NewsContext,
): DeviceRecord {
  const before = record?.device;
  const { runs } = news;
  const device: Device = {
    id: news.deviceId,
    model: news.model ?? before?.model ?? fallbackModel,
    version: runs?.version ?? before?.version ?? unknownVersion,
    build: runs === undefined ? before?.build : runs.build,
    imageSha256:
      runs === undefined || runs.version === before?.version
        ? (runs?.imageSha256 ?? before?.imageSha256)
        : runs.imageSha256,
    chip: before?.chip,
    groups: before?.groups ?? [],
    setbacks: before?.setbacks ?? {},
  };
  return {
    device,
    attempt: record?.attempt,
    lastSeenAtMs: news.retained ? (record?.lastSeenAtMs ?? nowMs) : nowMs,
    checkedAtMs: isCheck(news, record?.attempt, nowMs) ? nowMs : (record?.checkedAtMs ?? 0),
    createdAtMs: record?.createdAtMs ?? nowMs,
  };
}

/** The release that a report is about: the attempt's own among several builds of a version. */
function targetOf(
  { device, attempt }: DeviceRecord,
  report: NewsReport | undefined,
  catalog: FleetCatalog,
): ReleaseFacts | undefined {
  if (report === undefined) return;
  const own = attempt === undefined ? undefined : catalog.release(attempt.releaseId);
  const { version } = report;
  if (version === undefined) return own;
  const candidates = catalog
    .releasesOf(device.model)
    .filter((release) => isSameVersion(release.version, version));
  return candidates.find(({ id }) => id === own?.id) ?? candidates[0];
}

/** Firmware may call 1.2.0 what was published as v1.2.0. */
function isSameVersion(a: string, b: string): boolean {
  return a === b || (isSemanticVersion(a) && isSemanticVersion(b) && compareVersions(a, b) === 0);
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
  const restarted = attempt !== undefined && hasRestarted(news, attempt, nowMs) === true;
  try {
    const { checkedAtMs } = record;
    const change = answerReport(
      mayBegin ? record : { ...record, checkedAtMs: 0 },
      { ...report, uptimeMs, release, restarted: restarted && mayBegin },
      catalog,
      nowMs,
    );
    return {
      ...change,
      record: { ...change.record, checkedAtMs },
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
