import { isClosedAttempt } from '../attempts/attempt.ts';
import type { Moment } from '../attempts/moment.ts';
import type { Attempt } from '../attempts/record.ts';
import type { DeviceNews } from './news.ts';

/** Something that a device said, and for how long it had been up then (by its own clock). */
type Timed = Pick<DeviceNews, 'uptimeMs' | 'report'>;
type Moved = Pick<Attempt, 'uptimeMs' | 'updatedAtMs' | 'state'>;

/** Messages of one device that come by different ways come within this time, however late all of them are. */
const apartMs = 2 * 60_000;
/** By so much the end of an attempt may have been late, and the next message not. */
const latenessMs = 30_000;
/** Clocks of devices, and the ways of messages, differ by this much. */
const slackMs = 1000;
/** The same over a long time. */
const driftMs = 60_000;

/**
 * Whether a message was sent before what is known of the attempt already: messages of one device may come by different
 * nodes, or once more after a node has died. Without uptimes nothing can be told.
 */
export function isOvertaken(news: Timed, attempt: Moved, { atMs }: Moment): boolean {
  if (news.uptimeMs === undefined || attempt.uptimeMs === undefined) return false;
  const agoMs = atMs - attempt.updatedAtMs;
  const earlierMs = attempt.uptimeMs - news.uptimeMs;
  if (Math.max(agoMs, agoMs + earlierMs) > apartMs) return false;
  const ended = isClosedAttempt(attempt.state);
  // Up for longer than the device can be since its restart: from before it.
  if (earlierMs < 0) return ended && -earlierMs - agoMs > latenessMs;
  // Some devices count whole seconds only; within one, nothing begins again after its end.
  if (earlierMs === 0) return ended && isWork(news);
  // A boot that began after the attempt moved is another one.
  return news.uptimeMs > agoMs + slackMs;
}

/** Whether an attempt has moved so lately that older messages may still come. */
export function isFresh(attempt: Moved, { atMs }: Moment): boolean {
  return atMs - attempt.updatedAtMs <= apartMs;
}

/**
 * Whether the device has restarted since the attempt last moved; `undefined` when uptimes do not tell.
 *
 * @param news not overtaken
 */
export function hasRestarted(news: Timed, attempt: Moved, { atMs }: Moment): boolean | undefined {
  if (news.uptimeMs === undefined) return;
  const bootedAtMs = atMs - news.uptimeMs;
  if (attempt.uptimeMs === undefined) return bootedAtMs > attempt.updatedAtMs - driftMs;
  if (news.uptimeMs < attempt.uptimeMs || bootedAtMs > attempt.updatedAtMs - slackMs) return true;
  return bootedAtMs > attempt.updatedAtMs - attempt.uptimeMs + driftMs;
}

/** Whether a message is about an update that has not ended, and would begin another one after an end. */
function isWork({ report }: Timed): boolean {
  return report !== undefined && !['success', 'failed', 'rolled_back'].includes(report.status);
}
