/**
 * One attempt of one device to take one release. What a device reports is one thing, what is true another:
 * `success` only means `installed`; the next check tells whether the device runs it (`confirmed`) or came back
 * (`rolled_back`). A device that falls silent has `timed_out`; an offer that is withdrawn or replaced is `cancelled`.
 */
export const attemptStates = [
  'pending',
  'downloading',
  'downloaded',
  'installing',
  'installed',
  'confirmed',
  'failed',
  'rolled_back',
  'timed_out',
  'cancelled',
] as const;
export type AttemptState = (typeof attemptStates)[number];

/** The words in which devices report (seed 003; seed 004 has five of them). */
export const reportedStatuses = [
  'pending',
  'downloading',
  'downloaded',
  'installing',
  'success',
  'failed',
  'rolled_back',
] as const;
export type ReportedStatus = (typeof reportedStatuses)[number];

/** Who brought a transition about. */
export type TransitionSource = 'offer' | 'report' | 'check' | 'deadline';

/** What a device may report next, by the state of its attempt. A repetition is always allowed. */
const legalReports: Readonly<Record<AttemptState, readonly AttemptState[]>> = {
  pending: ['downloading', 'downloaded', 'installing', 'installed', 'failed', 'rolled_back'],
  downloading: ['downloaded', 'installing', 'installed', 'failed', 'rolled_back'],
  downloaded: ['installing', 'installed', 'failed', 'rolled_back'],
  installing: ['installed', 'failed', 'rolled_back'],
  installed: ['failed', 'rolled_back'],
  confirmed: ['rolled_back'],
  failed: ['rolled_back'],
  rolled_back: [],
  // Our guess, not the device's word: whatever it says corrects it.
  timed_out: ['downloading', 'downloaded', 'installing', 'installed', 'failed', 'rolled_back'],
  cancelled: ['downloading', 'downloaded', 'installing', 'installed', 'failed', 'rolled_back'],
};

/** The state that a reported word stands for. */
export function stateOfReport(status: ReportedStatus): AttemptState {
  return status === 'success' ? 'installed' : status;
}

/** Whether an attempt has come to an end (which evidence may still correct). */
export function isClosedAttempt(state: AttemptState): boolean {
  return closedStates.has(state);
}

const closedStates: ReadonlySet<AttemptState> = new Set([
  'confirmed',
  'failed',
  'rolled_back',
  'timed_out',
  'cancelled',
]);

/**
 * Whether a deadline runs: the device has begun and is not done. It does not run for an offer that nobody has
 * taken up, however long a device is away.
 */
export function hasDeadline(state: AttemptState): boolean {
  return state !== 'pending' && !isClosedAttempt(state);
}

/** What to do with a report. */
export type ReportVerdict =
  /** Nothing new: answer as before, write nothing new but progress. */
  | { readonly kind: 'repeat' }
  | { readonly kind: 'move'; readonly to: AttemptState }
  /** The device starts over: the open attempt has failed, and another one begins. */
  | { readonly kind: 'restart'; readonly closes: boolean; readonly to: AttemptState }
  | { readonly kind: 'illegal' };

/**
 * Judges a report.
 *
 * @param current state of the device's last attempt at this release; `undefined` when there is none
 * @param checkedSince whether the device has asked for an update, running something else, since that attempt last moved
 */
export function judgeReport(
  current: AttemptState | undefined,
  status: ReportedStatus,
  checkedSince: boolean,
): ReportVerdict {
  const to = stateOfReport(status);
  if (current === undefined) return { kind: 'restart', closes: false, to };
  if (current === to) return { kind: 'repeat' };
  // A success that has been confirmed meanwhile, and is reported again.
  if (to === 'installed' && current === 'confirmed') return { kind: 'repeat' };
  if (legalReports[current].includes(to)) return { kind: 'move', to };
  const begins = to !== 'failed' && to !== 'rolled_back' && to !== 'installed';
  if (!begins) return { kind: 'illegal' };
  if (current === 'failed' || current === 'rolled_back' || current === 'timed_out')
    return { kind: 'restart', closes: false, to };
  return checkedSince ? { kind: 'restart', closes: true, to } : { kind: 'illegal' };
}

/**
 * What a check proves about the device's last attempt; `undefined` when nothing changes.
 *
 * @param runsRelease whether the device runs the release of that attempt
 * @param cameBack whether it runs exactly what it ran before the attempt
 */
export function judgeCheck(
  current: AttemptState,
  runsRelease: boolean,
  cameBack: boolean,
): AttemptState | undefined {
  if (runsRelease) return current === 'confirmed' ? undefined : 'confirmed';
  if (current === 'installed') return 'rolled_back';
  return current === 'confirmed' && cameBack ? 'rolled_back' : undefined;
}

/** Whether a transition means that the device took the release and came back without it (loop breaker). */
export function isSetback(from: AttemptState | undefined, to: AttemptState): boolean {
  if (to === 'rolled_back') return from !== 'failed';
  return to === 'failed' && (from === 'installing' || from === 'installed');
}

/** The word of the seeds for a state. */
export function statusOfState(state: AttemptState): ReportedStatus {
  if (state === 'installed' || state === 'confirmed') return 'success';
  return state === 'timed_out' || state === 'cancelled' ? 'failed' : state;
}
