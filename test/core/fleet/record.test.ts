import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ReportedStatus,
  reportedStatuses,
} from '../../../tools/core/fleet/attempts/attempt.ts';
import { answerCheckIn } from '../../../tools/core/fleet/attempts/check-in.ts';
import {
  type DeviceRecord,
  type FleetCatalog,
  isWorthWriting,
} from '../../../tools/core/fleet/attempts/record.ts';
import { answerReport } from '../../../tools/core/fleet/attempts/report.ts';
import { setbackLimit, sortReleases } from '../../../tools/core/fleet/offers/offer.ts';
import type { ReleaseFacts } from '../../../tools/core/fleet/offers/release-facts.ts';
import type { Rollout } from '../../../tools/core/fleet/offers/rollout.ts';
import { aRelease, aRollout } from '../../support/fleet-facts.ts';

function aCatalog(releases: ReleaseFacts[], rollouts: Rollout[]): FleetCatalog {
  return {
    release: (id) => releases.find((release) => release.id === id),
    rollout: (id) => rollouts.find((rollout) => rollout.id === id),
    releasesOf: () => sortReleases(releases),
    rolloutsOf: () => rollouts,
  };
}

/** One device and its history, with a clock that goes on by one at each act. */
function aStory(catalog = aCatalog([aRelease()], [aRollout()])) {
  let record: DeviceRecord | undefined;
  let now = 0;
  let ids = 0;
  const history: string[] = [];
  const keep = (change: ReturnType<typeof answerReport>): void => {
    const { attempt } = change.record;
    const stored = attempt && { ...attempt, id: attempt.id ?? ++ids };
    record = { ...change.record, attempt: stored };
    for (const move of change.moves) history.push(`${move.from ?? 'new'}>${move.to}`);
  };
  return {
    history,
    record: () => record as DeviceRecord,
    check(version: string) {
      const answer = answerCheckIn(record, { id: 'd1', model: 'esp32', version }, catalog, ++now);
      keep(answer);
      return answer;
    },
    report(status: ReportedStatus, progress?: number) {
      const release = catalog.releasesOf('')[0] as ReleaseFacts;
      const change = answerReport(this.record(), { status, release, progress }, catalog, ++now);
      keep(change);
      return change;
    },
  };
}

describe('the history of a device', () => {
  it('is that of an update that worked', () => {
    const story = aStory();
    story.check('1.0.0');
    for (const status of ['downloading', 'installing', 'success'] as const) story.report(status);
    story.check('2.0.0');
    expect(story.history).toEqual([
      'new>pending',
      'pending>downloading',
      'downloading>installing',
      'installing>installed',
      'installed>confirmed',
    ]);
    expect(story.record().attempt).toMatchObject({
      startedAtMs: 2,
      installedAtMs: 4,
      completedAtMs: 5,
      deadlineAtMs: undefined,
    });
  });

  it('tells a rollback that the device did not report', () => {
    const story = aStory();
    story.check('1.0.0');
    story.report('success');
    story.check('1.0.0');
    expect(story.history.at(-1)).toBe('installed>rolled_back');
  });

  it('begins once, however often the device asks', () => {
    const story = aStory();
    expect(isWorthWriting(story.check('1.0.0'))).toBe(true);
    expect(isWorthWriting(story.check('1.0.0'))).toBe(false);
    expect(story.history).toEqual(['new>pending']);
  });

  it('stops a device that takes a release again and again', () => {
    const story = aStory();
    for (let round = 0; round < setbackLimit; round += 1) {
      expect(story.check('1.0.0').offer.update).toBe(true);
      story.report('downloading');
      story.report('success');
    }
    expect(story.check('1.0.0').offer).toEqual({ update: false, reason: 'loop-breaker' });
    expect(story.history.filter((move) => move === 'new>downloading')).toHaveLength(2);
  });

  it('forgets setbacks once the release is confirmed', () => {
    const story = aStory();
    story.check('1.0.0');
    story.report('success');
    story.check('1.0.0');
    expect(story.record().device.setbacks).toEqual({ 1: 1 });
    story.report('downloading');
    story.report('success');
    story.check('2.0.0');
    expect(story.record().device.setbacks).toEqual({});
  });

  it('closes an attempt that lost power, and begins another', () => {
    const story = aStory();
    story.check('1.0.0');
    story.report('installing');
    story.check('1.0.0');
    story.report('downloading');
    expect(story.history.slice(-2)).toEqual(['installing>failed', 'new>downloading']);
  });

  it('ends an offer that is withdrawn before the device began', () => {
    const rollouts = [aRollout()];
    const story = aStory(aCatalog([aRelease()], rollouts));
    story.check('1.0.0');
    rollouts[0] = aRollout({ state: 'paused' });
    story.check('1.0.0');
    expect(story.history.at(-1)).toBe('pending>cancelled');
  });

  it('keeps the rollout deadline only while the device is at work', () => {
    const story = aStory();
    story.check('1.0.0');
    expect(story.record().attempt?.deadlineAtMs).toBeUndefined();
    story.report('downloading');
    expect(story.record().attempt?.deadlineAtMs).toBe(2 + 1000);
  });

  it('refuses a report that goes back', () => {
    const story = aStory();
    story.check('1.0.0');
    story.report('success');
    expect(() => story.report('downloading')).toThrowError(
      expect.objectContaining({ code: 'transition-illegal' }),
    );
  });

  it('does not change when a report is repeated', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...reportedStatuses), fc.nat(100)), { maxLength: 8 }),
        (reports) => {
          const story = aStory();
          story.check('1.0.0');
          for (const [status, progress] of reports) {
            try {
              story.report(status, progress);
            } catch {
              continue;
            }
            const before = story.record();
            expect(isWorthWriting(story.report(status, progress))).toBe(false);
            expect(story.record()).toEqual(before);
          }
        },
      ),
    );
  });
});
