import type { CommandAction } from './command.ts';
import { type DeviceState, type DeviceStatus, exactUptimeS } from './status.ts';
import { judge, judgeKept } from './verdict.ts';

/** What was asked of the devices, and when. All times are milliseconds of one clock, ours. */
export interface Expectation {
  readonly action: CommandAction;
  /** Without it, devices follow an announcement: they answer nobody, and those that sleep come when they wake. */
  readonly commandId?: string;
  readonly sentAtMs: number;
  /** Without it, the version that the device itself finds available. */
  readonly targetVersion?: string;
  readonly force: boolean;
  /** Take the device's word "success" for it: for firmware that says nothing after the reboot. */
  readonly acceptReported: boolean;
  /** A device that makes no progress for so long is given up; after an announcement, one that is not done by then. */
  readonly timeoutMs: number;
}

export interface SeenStatus {
  readonly status: DeviceStatus;
  /** The broker kept it from earlier (MQTT 5 §3.3.1.3). */
  readonly retained: boolean;
  readonly receivedAtMs: number;
}

export type OutcomeKind =
  | 'updated'
  | 'up_to_date'
  | 'reported'
  | 'answered'
  | 'rolled_back'
  | 'failed'
  | 'silent'
  | 'timed_out'
  | 'indistinct';

/** How it ended for one device. */
export interface Outcome {
  readonly kind: OutcomeKind;
  readonly ok: boolean;
  readonly reason: string;
}

/** What is known of one device while we wait for it. */
export interface DeviceWait {
  readonly device: string;
  /** The newest of all messages, old ones included. */
  readonly last?: DeviceStatus;
  /** The newest message from before the command. */
  readonly before?: DeviceStatus;
  /** The newest message that answers the command, or came after it. */
  readonly fresh?: DeviceStatus;
  /** The version that ran when the command arrived. */
  readonly oldVersion?: string;
  readonly offeredVersion?: string;
  /** It was seen at work since the command. */
  readonly worked: boolean;
  /** When it wrote, or began to write, the new image: by its uptime when it gives one, else when we heard of it. */
  readonly writtenAtMs?: number;
  /** Before this it has booted: of all its messages since, the one that was least late says so. */
  readonly bootedByMs?: number;
  /** It runs from a boot that began after the image was written, or after the command while none was. */
  readonly rebooted: boolean;
  /** Boots that cost the work done so far, such as a power cut in the middle of a download. */
  readonly restarts: number;
  /** The highest uptime of the boot that it runs from. */
  readonly highestUptimeS: number;
  /** How far it came; only a step beyond it restarts the timeout, so that every wait ends. */
  readonly mark: number;
  readonly movedAtMs: number;
  readonly outcome?: Outcome;
}

export function startDeviceWait(device: string, expectation: Expectation): DeviceWait {
  return {
    device,
    worked: false,
    rebooted: false,
    restarts: 0,
    highestUptimeS: -1,
    mark: -1,
    movedAtMs: expectation.sentAtMs,
  };
}

/** Takes one message of the device into account. The first outcome stands. */
export function observeStatus(
  wait: DeviceWait,
  seen: SeenStatus,
  expectation: Expectation,
): DeviceWait {
  const { status } = seen;
  if (wait.outcome !== undefined) return { ...wait, last: status };
  if (!isFresh(seen, expectation)) {
    const outcome = judgeKept(status, expectation);
    return {
      ...wait,
      last: status,
      before: status,
      ...(wait.fresh === undefined && status.currentVersion !== undefined
        ? { oldVersion: status.currentVersion }
        : {}),
      ...(outcome === undefined ? {} : { outcome }),
    };
  }
  const tracked = track(wait, seen, expectation);
  const outcome = judge({ wait: tracked, status, expectation });
  return outcome === undefined ? tracked : { ...tracked, outcome };
}

/** Gives a device up that has made no progress for too long. */
export function expireWait(wait: DeviceWait, nowMs: number, expectation: Expectation): DeviceWait {
  const { commandId, sentAtMs, timeoutMs } = expectation;
  const commanded = commandId !== undefined;
  const sinceMs = commanded ? wait.movedAtMs : sentAtMs;
  if (wait.outcome !== undefined || nowMs < sinceMs + timeoutMs) return wait;
  return { ...wait, outcome: giveUp(wait, `${timeoutMs / 1000} s`, commanded) };
}

function giveUp({ fresh, before }: DeviceWait, time: string, commanded: boolean): Outcome {
  if (fresh !== undefined) {
    const late = commanded ? `no progress for ${time}` : `not done in ${time}`;
    const reason = `${late}; last state: ${describeStatus(fresh)}`;
    return { kind: 'timed_out', ok: false, reason };
  }
  const what = commanded ? 'command' : 'announcement';
  const known = before === undefined ? '' : `; before the ${what}: ${describeStatus(before)}`;
  return { kind: 'silent', ok: false, reason: `no answer in ${time}${known}` };
}

/** `downloading 45 %, runs 1.0.0: message`. */
export function describeStatus(status: DeviceStatus): string {
  const { state, progressPct, currentVersion, rollbackPending, message, error } = status;
  const progress = progressPct === undefined || state === 'idle' ? '' : ` ${progressPct} %`;
  const runs = currentVersion === undefined ? '' : `, runs ${currentVersion}`;
  const trial = rollbackPending === true ? ' on trial' : '';
  const said = [error, message].filter((text) => text !== undefined).join(': ');
  return `${state}${progress}${runs}${trial}${said === '' ? '' : ` (${said})`}`;
}

/**
 * Whether a message can be about this command. By its command id; a message without one counts when it was sent
 * while we listened. What the broker kept from before, and what answers another command, is stale. An announcement
 * has no id: a device that once obeyed a command may still name that one.
 */
function isFresh(seen: SeenStatus, { commandId, sentAtMs }: Expectation): boolean {
  const answers = seen.status.commandId;
  if (answers !== undefined && commandId !== undefined) return answers === commandId;
  return !seen.retained && seen.receivedAtMs >= sentAtMs;
}

/** By its uptime: lower than before, and short enough to have begun after the image was written. */
function showsReboot(wait: DeviceWait, seen: SeenStatus, expectation: Expectation): boolean {
  const uptimeS = exactUptimeS(seen.status);
  if (uptimeS === undefined || (wait.highestUptimeS >= 0 && uptimeS >= wait.highestUptimeS)) {
    return false;
  }
  if (namesNewVersion(wait, seen.status, expectation)) return true;
  return seen.receivedAtMs - uptimeS * 1000 >= (wait.writtenAtMs ?? expectation.sentAtMs);
}

/**
 * Together with a lower uptime this proves a boot after the image was written, however late the messages arrive: a
 * connection that was lost brings them all at once.
 */
function namesNewVersion(
  { writtenAtMs, oldVersion, offeredVersion, highestUptimeS }: DeviceWait,
  { state, currentVersion }: DeviceStatus,
  { targetVersion = offeredVersion }: Expectation,
): boolean {
  const known = writtenAtMs !== undefined && highestUptimeS >= 0 && oldVersion !== undefined;
  if (!known || state === 'success' || currentVersion === undefined) return false;
  return currentVersion === targetVersion && currentVersion !== oldVersion;
}

const working: readonly DeviceState[] = [
  'checking',
  'pending',
  'downloading',
  'downloaded',
  'installing',
];
const order: readonly DeviceState[] = ['idle', ...working, 'success'];
const stepMark = 1000;
/** A device that restarts more often in the middle of its work gets no more time. */
const mostRestarts = 3;

function track(wait: DeviceWait, seen: SeenStatus, expectation: Expectation): DeviceWait {
  const { status, receivedAtMs } = seen;
  const reboots = showsReboot(wait, seen, expectation);
  const seenRebooted = wait.rebooted || reboots;
  const writes =
    wait.writtenAtMs === undefined &&
    (status.state === 'installing' || (status.state === 'success' && !seenRebooted));
  const rebooted = seenRebooted && !writes;
  const uptimeS = exactUptimeS(status) ?? -1;
  const bootedByMs = bootOf(wait, seen, reboots);
  const oldVersion = wait.oldVersion ?? (rebooted ? undefined : status.currentVersion);
  const offered = status.availableVersion ?? wait.offeredVersion;
  return {
    ...wait,
    ...advance(wait, seen, reboots, rebooted),
    last: status,
    fresh: status,
    rebooted,
    worked: wait.worked || working.includes(status.state),
    highestUptimeS: reboots || writes ? uptimeS : Math.max(wait.highestUptimeS, uptimeS),
    ...(oldVersion === undefined ? {} : { oldVersion }),
    ...(offered === undefined ? {} : { offeredVersion: offered }),
    ...(bootedByMs === undefined ? {} : { bootedByMs }),
    // Messages that a broken connection has kept back come all at once: what they tell is older than they are.
    ...(writes ? { writtenAtMs: Math.min(receivedAtMs, sentAt(uptimeS, bootedByMs)) } : {}),
  };
}

/** A message is never early: the boot that it tells of was at its time of arrival less its uptime, or before. */
function bootOf(
  wait: DeviceWait,
  { status, receivedAtMs }: SeenStatus,
  reboots: boolean,
): number | undefined {
  const uptimeS = exactUptimeS(status);
  if (uptimeS === undefined) return wait.bootedByMs;
  const bootedByMs = receivedAtMs - uptimeS * 1000;
  return reboots ? bootedByMs : Math.min(bootedByMs, wait.bootedByMs ?? bootedByMs);
}

/** When a message was sent, by the clock of the boot. */
function sentAt(uptimeS: number, bootedByMs: number | undefined): number {
  return bootedByMs === undefined || uptimeS < 0
    ? Number.POSITIVE_INFINITY
    : bootedByMs + uptimeS * 1000;
}

/** Moves the mark, and with it the timeout, when the device got further than ever. */
function advance(
  wait: DeviceWait,
  { status, receivedAtMs }: SeenStatus,
  reboots: boolean,
  rebooted: boolean,
): Pick<DeviceWait, 'mark' | 'movedAtMs' | 'restarts'> {
  const { restarts, movedAtMs } = wait;
  const finished = rebooted && wait.writtenAtMs !== undefined;
  const step = finished ? order.length : order.indexOf(status.state);
  const mark = step * stepMark + (finished ? 0 : (status.progressPct ?? 0));
  const again =
    reboots &&
    wait.writtenAtMs === undefined &&
    restarts < mostRestarts &&
    (status.uptimeS ?? 0) < (wait.fresh?.uptimeS ?? 0);
  if (again) return { mark, movedAtMs: receivedAtMs, restarts: restarts + 1 };
  if (mark <= wait.mark) return { mark: wait.mark, movedAtMs, restarts };
  return { mark, movedAtMs: receivedAtMs, restarts };
}
