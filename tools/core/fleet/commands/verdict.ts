import type { DeviceStatus } from './status.ts';
import type { DeviceWait, Expectation, Outcome, OutcomeKind } from './wait.ts';

export interface Evidence {
  /** What is known, this message included. */
  readonly wait: DeviceWait;
  /** The message that has just come, and is about our command. */
  readonly status: DeviceStatus;
  readonly expectation: Expectation;
}

/** Whether a message ends the wait for its device, and how. */
export function judge(evidence: Evidence): Outcome | undefined {
  const { status, expectation } = evidence;
  if (expectation.action === 'status') return ended('answered', describeVersion(status));
  if (status.state === 'failed' && isNews(evidence)) {
    return failure('failed', [status.error, status.message]);
  }
  if (expectation.action === 'check') return judgeCheck(evidence);
  return expectation.action === 'update' ? judgeUpdate(evidence) : judgeRollback(evidence);
}

/**
 * Whether what was known of a device before is its end already. Nothing is, for a command: it is answered. After an
 * announcement, a device that runs the version has nothing more to say.
 */
export function judgeKept(status: DeviceStatus, expectation: Expectation): Outcome | undefined {
  if (expectation.commandId !== undefined || expectation.targetVersion === undefined) return;
  const settled = status.rollbackPending !== true && !isBusy(status) && status.state !== 'success';
  return settled && status.currentVersion === expectation.targetVersion
    ? ended('up_to_date', describeVersion(status))
    : undefined;
}

/** Whether the device says that it answers our command. */
function answersUs({ commandId }: DeviceStatus, expectation: Expectation): boolean {
  return commandId !== undefined && commandId === expectation.commandId;
}

const nothingNew = /no (new )?(update|firmware)|up[- ]to[- ]date/i;

function judgeCheck({ wait, status, expectation }: Evidence): Outcome | undefined {
  const { availableVersion, currentVersion } = status;
  if (availableVersion !== undefined && availableVersion !== currentVersion) {
    return ended('answered', `${availableVersion} is available, ${describeVersion(status)}`);
  }
  const answered = answersUs(status, expectation) || wait.worked;
  const idle = status.state === 'idle' && answered;
  return idle || nothingNew.test(status.message ?? '') || availableVersion !== undefined
    ? ended('up_to_date', describeVersion(status))
    : undefined;
}

function judgeUpdate(evidence: Evidence): Outcome | undefined {
  const { wait, status, expectation } = evidence;
  if (status.state === 'rolled_back' && isNews(evidence)) {
    return failure('rolled_back', ['the new image was given up', describeVersion(status)]);
  }
  const target = expectation.targetVersion ?? wait.offeredVersion;
  const running = status.currentVersion;
  if (running !== undefined && target !== undefined) {
    if (running === target) {
      const outcome = judgeRunning(evidence);
      if (outcome !== undefined) return outcome;
    } else if (wait.rebooted && wait.writtenAtMs !== undefined && !isBusy(status)) {
      return failure('rolled_back', [`restarted into ${running} after ${target} was written`]);
    }
  }
  if (target === undefined && nothingNew.test(status.message ?? '')) {
    return ended('up_to_date', describeVersion(status));
  }
  if (!expectation.acceptReported || status.state !== 'success') return;
  const known = wait.worked || answersUs(status, expectation);
  const meant = status.availableVersion === undefined || status.availableVersion === target;
  return known && meant ? ended('reported', 'the device reports success') : undefined;
}

/** The wanted version runs: is it there to stay, and did it come by this command? */
function judgeRunning({ wait, status, expectation }: Evidence): Outcome | undefined {
  if (status.rollbackPending === true || isBusy(status)) return; // on trial
  const changed = wait.oldVersion !== undefined && wait.oldVersion !== status.currentVersion;
  if (wait.rebooted) return ended('updated', describeVersion(status));
  // Some firmware names the new version before it runs: with an uptime there must be a reboot.
  if (changed) {
    return status.uptimeS === undefined ? ended('updated', describeVersion(status)) : undefined;
  }
  if (expectation.force || wait.writtenAtMs !== undefined) return;
  return ended('up_to_date', describeVersion(status));
}

function judgeRollback({ wait, status, expectation }: Evidence): Outcome | undefined {
  const { currentVersion, state } = status;
  const changed =
    currentVersion !== undefined &&
    wait.oldVersion !== undefined &&
    currentVersion !== wait.oldVersion;
  const settled =
    status.rollbackPending !== true && (status.uptimeS === undefined || wait.rebooted);
  if (settled && (changed || (wait.rebooted && state === 'rolled_back'))) {
    return { kind: 'rolled_back', ok: true, reason: describeVersion(status) };
  }
  const known = wait.worked || answersUs(status, expectation);
  if (expectation.acceptReported && known && state === 'rolled_back') {
    return ended('reported', 'the device reports a rollback');
  }
  return;
}

/**
 * Whether an end state tells of this command. Firmware without command ids may repeat the end of an earlier one: that
 * is no news while nothing has changed and no work was seen.
 */
function isNews({ wait, status, expectation }: Evidence): boolean {
  if (answersUs(status, expectation) || wait.worked) return true;
  return wait.before === undefined || wait.before.state !== status.state;
}

function isBusy({ state }: DeviceStatus): boolean {
  return state === 'downloading' || state === 'downloaded' || state === 'installing';
}

function describeVersion({ currentVersion }: DeviceStatus): string {
  return currentVersion === undefined ? 'runs an unknown version' : `runs ${currentVersion}`;
}

function ended(kind: OutcomeKind, reason: string): Outcome {
  return { kind, ok: true, reason };
}

function failure(kind: OutcomeKind, said: readonly (string | undefined)[]): Outcome {
  const reason = said.filter((text) => text !== undefined).join(': ');
  return { kind, ok: false, reason: reason === '' ? 'the device gives no reason' : reason };
}
