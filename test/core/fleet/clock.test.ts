import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ReportedStatus,
  reportedStatuses,
} from '../../../tools/core/fleet/attempts/attempt.ts';
import { answerCheckIn } from '../../../tools/core/fleet/attempts/check-in.ts';
import type {
  DeviceRecord,
  FleetCatalog,
  FleetChange,
} from '../../../tools/core/fleet/attempts/record.ts';
import { answerReport } from '../../../tools/core/fleet/attempts/report.ts';
import { chooseOffer, sortReleases } from '../../../tools/core/fleet/offers/offer.ts';
import type { ReleaseFacts } from '../../../tools/core/fleet/offers/release-facts.ts';
import { aDevice, aRelease, aRollout } from '../../support/fleet-facts.ts';

const hourMs = 3_600_000;
const deadlineMs = 1000;
const releases: ReleaseFacts[] = [aRelease()];
const catalog: FleetCatalog = {
  release: (id) => releases.find((release) => release.id === id),
  rollout: () => aRollout({ deadlineMs }),
  releasesOf: () => sortReleases(releases),
  rolloutsOf: () => [aRollout({ deadlineMs })],
};

type Act = { readonly check: string } | { readonly report: ReportedStatus };

/** What a device does, and what the clock says each time. */
function play(acts: readonly Act[], clock: readonly number[]) {
  let record: DeviceRecord | undefined;
  let ids = 0;
  const moves: { text: string; atMs: number }[] = [];
  const refused: number[] = [];
  const keep = ({ record: next, moves: some }: FleetChange): void => {
    const attempt = next.attempt && { ...next.attempt, id: next.attempt.id ?? ++ids };
    record = { ...next, attempt };
    for (const { from, to, attempt: moved } of some)
      moves.push({ text: `${from ?? 'new'}>${to}`, atMs: moved.updatedAtMs });
  };
  for (const [index, act] of acts.entries()) {
    const nowMs = clock[index] ?? 0;
    try {
      if ('check' in act)
        keep(
          answerCheckIn(record, { id: 'd', model: 'esp32', version: act.check }, catalog, nowMs),
        );
      else if (record !== undefined) {
        const report = { status: act.report, release: aRelease() };
        keep(answerReport(record, report, catalog, nowMs));
      }
    } catch {
      refused.push(index);
    }
  }
  return { moves, refused, record: record as DeviceRecord | undefined };
}

const anAct = fc.oneof(
  fc.constantFrom('1.0.0', '2.0.0').map((check): Act => ({ check })),
  fc.constantFrom(...reportedStatuses).map((report): Act => ({ report })),
);

describe('a clock that is set while devices update', () => {
  it('changes neither what is concluded nor the order of the history', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anAct, fc.integer({ min: 0, max: 48 * hourMs })), { maxLength: 25 }),
        (steps) => {
          const acts = steps.map(([act]) => act);
          const orderly = play(
            acts,
            acts.map((_, index) => 10 * (index + 1)),
          );
          const jumping = play(
            acts,
            steps.map(([, nowMs]) => nowMs),
          );
          expect(jumping.moves.map(({ text }) => text)).toEqual(
            orderly.moves.map(({ text }) => text),
          );
          expect(jumping.refused).toEqual(orderly.refused);
          const times = jumping.moves.map(({ atMs }) => atMs);
          expect(times).toEqual([...times].sort((a, b) => a - b));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('lets a device start over after it was put back an hour', () => {
    const acts: Act[] = [
      { check: '1.0.0' },
      { report: 'downloading' },
      { report: 'installing' },
      { check: '1.0.0' },
      { report: 'downloading' },
    ];
    const start = 5 * hourMs;
    const { moves, refused } = play(acts, [
      start,
      start + 1,
      start + 2,
      start - hourMs,
      start - hourMs,
    ]);
    expect(refused).toEqual([]);
    expect(moves.map(({ text }) => text).slice(-2)).toEqual([
      'installing>failed',
      'new>downloading',
    ]);
  });

  it('sets deadlines by what it says then, so that one set ahead for a moment leaves none far ahead', () => {
    const acts: Act[] = [{ check: '1.0.0' }, { report: 'downloading' }, { report: 'installing' }];
    const day = 24 * hourMs;
    const { record } = play(acts, [day + 1, day + 2, 3]);
    expect(record?.attempt).toMatchObject({ updatedAtMs: day + 3, deadlineAtMs: 3 + deadlineMs });
    expect(record?.lastSeenAtMs).toBe(3);
  });

  it('leaves it at that the rollout that was made later decides', () => {
    const versions = [aRelease({ id: 1, version: '1.1.0' }), aRelease({ id: 2, version: '1.2.0' })];
    const back = { allowDowngrade: true };
    const first = aRollout({ ...back, id: 7, releaseId: 2, createdAtMs: 9000 });
    // By a clock that had been put back.
    const second = aRollout({ ...back, id: 8, releaseId: 1, createdAtMs: 5000 });
    const device = aDevice({ version: '2.0.0' });
    for (const rollouts of [
      [first, second],
      [second, first],
    ])
      expect(chooseOffer(device, sortReleases(versions), rollouts)).toMatchObject({
        update: true,
        release: { id: 1 },
      });
  });
});
