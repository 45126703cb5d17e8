import { describe, expect, it } from 'vitest';
import { type AttemptState, attemptStates } from '../../../tools/core/fleet/attempts/attempt.ts';
import {
  transitionsOf,
  updateEvents,
  updateEventsOf,
} from '../../../tools/core/fleet/attempts/update-event.ts';

/** The events of an attempt that goes through these states. */
const story = (...states: AttemptState[]) =>
  states.flatMap((to, index) => updateEventsOf({ from: states[index - 1], to }));

describe('the events of an update', () => {
  it.each<[AttemptState[], string[]]>([
    [['pending'], []],
    [['pending', 'cancelled'], []],
    [
      ['pending', 'downloading', 'downloaded', 'installing', 'installed', 'confirmed'],
      ['update_started', 'update_completed'],
    ],
    [
      ['pending', 'installed'],
      ['update_started', 'update_completed'],
    ],
    [
      ['pending', 'downloading', 'confirmed'],
      ['update_started', 'update_completed'],
    ],
    [['downloading'], ['update_started']],
    [['pending', 'failed', 'rolled_back'], ['update_failed']],
    [
      ['pending', 'installing', 'installed', 'rolled_back'],
      ['update_started', 'update_completed', 'update_failed'],
    ],
    [
      ['pending', 'downloading', 'timed_out', 'installed'],
      ['update_started', 'update_failed', 'update_completed'],
    ],
  ])('%j are %j', (states, events) => {
    expect(story(...states)).toEqual(events);
  });

  it('are the same, asked from either side', () => {
    for (const from of [undefined, ...attemptStates])
      for (const to of attemptStates)
        expect(
          updateEvents.filter((event) =>
            transitionsOf(event).some((step) => step.from === from && step.to === to),
          ),
        ).toEqual(updateEventsOf({ from, to }));
  });
});
