import { isClosedAttempt } from '../attempts/attempt.ts';
import { proofOf } from '../attempts/check-in.ts';
import type { Moment } from '../attempts/moment.ts';
import type { Attempt, DeviceRecord, FleetCatalog, Move } from '../attempts/record.ts';
import { isRunning, type ReleaseFacts } from '../offers/release-facts.ts';
import { hasRestarted } from './device-clock.ts';
import type { DeviceNews } from './news.ts';

/** A device that names the new version for this long runs it, even if no restart was seen. */
const settledMs = 5 * 60_000;

/**
 * What a message proves about the device's last attempt by naming the version that runs: confirmed, or come back. A
 * device that has an uptime must have restarted since; what the broker kept from earlier proves no rollback.
 *
 * @param target the release that the message reports about, if it does
 */
export function evidenceOf(
  record: DeviceRecord,
  news: DeviceNews,
  target: ReleaseFacts | undefined,
  catalog: FleetCatalog,
  moment: Moment,
): Move | undefined {
  const { attempt, device } = record;
  if (attempt === undefined || news.runs === undefined || news.onTrial === true) return;
  const release = catalog.release(attempt.releaseId);
  if (release === undefined) return;
  const restarted = hasRestarted(news, attempt, moment);
  if (!tellsOfTheEnd(news, attempt, target, restarted)) return;
  const runs = isRunning(device, release);
  const settled = runs && moment.atMs - attempt.updatedAtMs >= settledMs;
  if (restarted === false && !settled) return;
  if (news.retained && !(runs && isOpen(attempt))) return;
  return proofOf(attempt, device, { uptimeMs: news.uptimeMs }, catalog, moment);
}

/** In the middle of an update the running version is the old one, and says nothing about how the update ends. */
function tellsOfTheEnd(
  { report }: DeviceNews,
  attempt: Attempt,
  target: ReleaseFacts | undefined,
  restarted: boolean | undefined,
): boolean {
  if (report === undefined) return true;
  if (report.status === 'failed' || report.status === 'rolled_back') return false;
  return restarted === true || (target !== undefined && target.id !== attempt.releaseId);
}

/** Not at its end, or only by our guess. */
function isOpen({ state }: Attempt): boolean {
  return state === 'timed_out' || !isClosedAttempt(state);
}
