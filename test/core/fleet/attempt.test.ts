import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attemptStates,
  isClosedAttempt,
  isSetback,
  judgeCheck,
  judgeReport,
  reportedStatuses,
  statusOfState,
} from '../../../tools/core/fleet/attempts/attempt.ts';
import { actOnRollout } from '../../../tools/core/fleet/offers/rollout.ts';

describe('a report', () => {
  it('of success means installed, not confirmed', () => {
    expect(judgeReport('installing', 'success', false)).toEqual({ kind: 'move', to: 'installed' });
  });

  it('that repeats the last one changes nothing', () => {
    for (const status of reportedStatuses) {
      const state = status === 'success' ? 'installed' : status;
      expect(judgeReport(state, status, false), status).toEqual({ kind: 'repeat' });
    }
    expect(judgeReport('confirmed', 'success', false)).toEqual({ kind: 'repeat' });
  });

  it('may skip steps but not go back', () => {
    expect(judgeReport('pending', 'success', false).kind).toBe('move');
    expect(judgeReport('installing', 'downloading', false).kind).toBe('illegal');
    expect(judgeReport('installed', 'downloading', false).kind).toBe('illegal');
    expect(judgeReport('confirmed', 'installing', true).kind).not.toBe('move');
    expect(judgeReport('failed', 'success', false).kind).toBe('illegal');
  });

  it('of a device that starts over after a failure begins another attempt', () => {
    expect(judgeReport('failed', 'downloading', false)).toEqual({
      kind: 'restart',
      closes: false,
      to: 'downloading',
    });
  });

  it('of a device that lost power in the middle closes the first attempt', () => {
    expect(judgeReport('installing', 'downloading', true)).toEqual({
      kind: 'restart',
      closes: true,
      to: 'downloading',
    });
  });

  it('corrects the guess that the device had timed out', () => {
    expect(judgeReport('timed_out', 'success', false)).toEqual({ kind: 'move', to: 'installed' });
  });

  it('never moves an attempt backwards, whatever is reported in whatever order', () => {
    const rank = (state: string): number => attemptStates.indexOf(state as never);
    fc.assert(
      fc.property(
        fc.constantFrom(...attemptStates),
        fc.constantFrom(...reportedStatuses),
        (state, status) => {
          const verdict = judgeReport(state, status, false);
          if (verdict.kind === 'move' && state !== 'timed_out' && state !== 'cancelled')
            expect(rank(verdict.to)).toBeGreaterThan(rank(state));
          if (verdict.kind === 'restart') expect(isClosedAttempt(state)).toBe(true);
        },
      ),
    );
  });
});

describe('a check', () => {
  it('with the new version confirms, whatever was reported before', () => {
    for (const state of attemptStates) {
      expect(judgeCheck(state, true, false)).toBe(state === 'confirmed' ? undefined : 'confirmed');
    }
  });

  it('with the old version after an installation is a rollback', () => {
    expect(judgeCheck('installed', false, true)).toBe('rolled_back');
    expect(judgeCheck('confirmed', false, true)).toBe('rolled_back');
    expect(judgeCheck('confirmed', false, false)).toBeUndefined();
  });

  it('with the old version in the middle of a download proves nothing', () => {
    for (const state of ['pending', 'downloading', 'installing', 'failed', 'timed_out'] as const)
      expect(judgeCheck(state, false, true)).toBeUndefined();
  });
});

describe('the loop breaker', () => {
  it('counts what was taken and came back, not downloads that broke', () => {
    expect(isSetback('installed', 'rolled_back')).toBe(true);
    expect(isSetback('installing', 'failed')).toBe(true);
    expect(isSetback('downloading', 'failed')).toBe(false);
    expect(isSetback('failed', 'rolled_back')).toBe(false);
  });
});

describe('the words of the seeds', () => {
  it('cover every state', () => {
    expect(attemptStates.map(statusOfState)).toEqual([
      'pending',
      'downloading',
      'downloaded',
      'installing',
      'success',
      'success',
      'failed',
      'rolled_back',
      'failed',
      'failed',
    ]);
  });
});

describe('a rollout', () => {
  it('can be paused, resumed and ended, but an ended one stays ended', () => {
    const at = (state: Parameters<typeof actOnRollout>[0]['state']) => ({ name: 'r', state });
    expect(actOnRollout(at('running'), 'pause')).toBe('paused');
    expect(actOnRollout(at('paused'), 'pause')).toBe('paused');
    expect(actOnRollout(at('paused'), 'resume')).toBe('running');
    expect(() => actOnRollout(at('cancelled'), 'resume')).toThrowError(
      expect.objectContaining({ code: 'rollout-state' }),
    );
    expect(() => actOnRollout(at('finished'), 'pause')).toThrowError(
      expect.objectContaining({ code: 'rollout-state' }),
    );
  });
});
