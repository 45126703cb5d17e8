import { isClosedAttempt } from './attempt.ts';
import type { DeviceNews } from './news.ts';
import type { Attempt } from './record.ts';

/** Something that a device said, and for how long it had been up then (by its own clock). */
type Timed = Pick<DeviceNews, 'uptimeMs' | 'report'>;
type Moved = Pick<Attempt, 'uptimeMs' | 'updatedAtMs' | 'state'>;

/** No message is longer on its way than this; what seems to be later comes from another boot. */
const longestWayMs = 2 * 60_000;
/** Clocks of devices, and the ways of messages, differ by this much. */
const slackMs = 1000;
/** The same over a long time. */
const driftMs = 60_000;

/**
 * Whether a message was sent before what is known of the attempt already: messages of one device may come by different
 * nodes, or once more after a node has died. Without uptimes nothing can be told.
 */
export function isOvertaken(news: Timed, attempt: Moved, nowMs: number): boolean {
  if (news.uptimeMs === undefined || attempt.uptimeMs === undefined) return false;
  const ended = isClosedAttempt(attempt.state) && isWork(news);
  const earlierMs = attempt.uptimeMs - news.uptimeMs;
  const agoMs = nowMs - attempt.updatedAtMs;
  // Up for longer than anything that came after the attempt's end can be: from before the restart.
  if (earlierMs < 0) return ended && -earlierMs - agoMs > longestWayMs;
  // Some devices count whole seconds only; within one, nothing begins again after its end.
  if (earlierMs === 0) return ended;
  if (agoMs + earlierMs > longestWayMs) return false;
  // A boot that began after the attempt moved is another one.
  return news.uptimeMs > agoMs + slackMs;
}

/**
 * Whether the device has restarted since the attempt last moved; `undefined` when uptimes do not tell.
 *
 * @param news not overtaken
 */
export function hasRestarted(news: Timed, attempt: Moved, nowMs: number): boolean | undefined {
  if (news.uptimeMs === undefined) return;
  const bootedAtMs = nowMs - news.uptimeMs;
  if (attempt.uptimeMs === undefined) return bootedAtMs > attempt.updatedAtMs - driftMs;
  if (news.uptimeMs < attempt.uptimeMs || bootedAtMs > attempt.updatedAtMs - slackMs) return true;
  return bootedAtMs > attempt.updatedAtMs - attempt.uptimeMs + driftMs;
}

/** Whether a message is about an update that has not ended, and would begin another one after an end. */
export function isWork({ report }: Timed): boolean {
  return report !== undefined && !['success', 'failed', 'rolled_back'].includes(report.status);
}
