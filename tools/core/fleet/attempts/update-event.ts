import { type AttemptState, attemptStates, isClosedAttempt } from './attempt.ts';

/** What seed 003 writes into its table of events about devices; here they follow from transitions. */
export const updateEvents = ['update_started', 'update_completed', 'update_failed'] as const;
export type UpdateEvent = (typeof updateEvents)[number];

/** One step of an attempt; the first one has no `from`. */
export interface Transition {
  readonly from: AttemptState | undefined;
  readonly to: AttemptState;
}

/**
 * The events that a transition is, in order; a device that only reports its success has started and completed at once.
 * Started: it has begun, which an offer is not. Completed: it says so, or runs the new version without a word.
 * Failed: it says so, fell silent, or came back with the old version.
 */
export function updateEventsOf({ from, to }: Transition): UpdateEvent[] {
  const events: UpdateEvent[] = [];
  const waited = from === undefined || from === 'pending' || from === 'cancelled';
  const runs = to === 'installed' || to === 'confirmed';
  if (waited && to !== 'pending' && (runs || !isClosedAttempt(to))) events.push('update_started');
  if (to === 'installed' || (to === 'confirmed' && from !== 'installed'))
    events.push('update_completed');
  const failed = to === 'failed' || to === 'timed_out' || to === 'rolled_back';
  if (failed && from !== 'failed') events.push('update_failed');
  return events;
}

/** Every transition that is this event. */
export function transitionsOf(event: UpdateEvent): Transition[] {
  return [undefined, ...attemptStates]
    .flatMap((from) => attemptStates.map((to) => ({ from, to })))
    .filter((transition) => updateEventsOf(transition).includes(event));
}
