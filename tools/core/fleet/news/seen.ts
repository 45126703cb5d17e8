import { compareVersions, isSemanticVersion } from '../../version.ts';
import { isMidUpdate } from '../attempts/check-in.ts';
import type { Device } from '../attempts/device.ts';
import type { Moment } from '../attempts/moment.ts';
import type { DeviceRecord, FleetCatalog } from '../attempts/record.ts';
import { isRunning, type ReleaseFacts } from '../offers/release-facts.ts';
import { hasRestarted, isFresh, isOvertaken } from './device-clock.ts';
import type { DeviceNews, NewsReport } from './news.ts';

/** A version that nobody has said yet. */
const unknownVersion = 'unknown';

/** Whether a message tells of something that is over. */
export function isLate(
  { attempt }: DeviceRecord,
  news: DeviceNews,
  catalog: FleetCatalog,
  moment: Moment,
): boolean {
  if (attempt === undefined) return false;
  if (isOvertaken(news, attempt, moment)) return true;
  // On the way to what was seen running already, from a version that it does not run any more.
  const release = catalog.release(attempt.releaseId);
  const { runs, report } = news;
  if (attempt.state !== 'confirmed' || !isFresh(attempt, moment)) return false;
  if (release === undefined || report === undefined || runs === undefined) return false;
  if (report.status === 'failed' || report.status === 'rolled_back') return false;
  const same = report.version === undefined || isSameVersion(release.version, report.version);
  return same && !isRunning(runs, release) && hasRestarted(news, attempt, moment) !== true;
}

/** A message that says what runs, and not how an update goes. */
export function isSighting(news: DeviceNews): boolean {
  return news.report === undefined && news.runs !== undefined && !news.retained;
}

/**
 * Whether a message is as good as a check: the device is not at work on an update any more. Devices that are told to
 * update go on saying what they run in the middle of it.
 */
export function isCheck(
  news: DeviceNews,
  attempt: DeviceRecord['attempt'],
  moment: Moment,
): boolean {
  if (!isSighting(news)) return false;
  if (news.asks !== true || attempt === undefined || !isMidUpdate(attempt)) return true;
  return hasRestarted(news, attempt, moment) === true;
}

/** What is known of a device once the message is taken into account, but for its attempts. */
export function seenRecord(
  record: DeviceRecord | undefined,
  news: DeviceNews,
  fallbackModel: string,
  moment: Moment,
): DeviceRecord {
  const { nowMs, atMs } = moment;
  return {
    number: record?.number,
    device: seenDevice(record?.device, news, fallbackModel),
    attempt: record?.attempt,
    lastSeenAtMs: news.retained ? (record?.lastSeenAtMs ?? nowMs) : nowMs,
    checkedAtMs: isCheck(news, record?.attempt, moment) ? atMs : (record?.checkedAtMs ?? 0),
    createdAtMs: record?.createdAtMs ?? nowMs,
  };
}

function seenDevice(before: Device | undefined, news: DeviceNews, fallbackModel: string): Device {
  const { runs } = news;
  const same = runs === undefined || runs.version === before?.version;
  return {
    id: news.deviceId,
    model: news.model ?? before?.model ?? fallbackModel,
    version: runs?.version ?? before?.version ?? unknownVersion,
    build: runs === undefined ? before?.build : runs.build,
    imageSha256: runs?.imageSha256 ?? (same ? before?.imageSha256 : undefined),
    chip: before?.chip,
    groups: before?.groups ?? [],
    setbacks: before?.setbacks ?? {},
  };
}

/** The release that a report is about: the attempt's own among several builds of a version. */
export function targetOf(
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
