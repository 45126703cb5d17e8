import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Device } from '../../../tools/core/fleet/attempts/device.ts';
import { bucketOf } from '../../../tools/core/fleet/offers/bucket.ts';
import { chooseOffer, setbackLimit, sortReleases } from '../../../tools/core/fleet/offers/offer.ts';
import type { ReleaseFacts } from '../../../tools/core/fleet/offers/release-facts.ts';
import type { Rollout } from '../../../tools/core/fleet/offers/rollout.ts';
import { isInAudience } from '../../../tools/core/fleet/offers/rollout-audience.ts';
import { aDevice, aRelease, aRollout } from '../../support/fleet-facts.ts';

/** The version on offer, or why there is none. */
function answer(device: Device, releases: ReleaseFacts[], rollouts: Rollout[]): string {
  const offer = chooseOffer(device, sortReleases(releases), rollouts);
  if (!offer.update) return offer.reason;
  return offer.release.build === 0
    ? offer.release.version
    : `${offer.release.version}+${offer.release.build}`;
}

describe('the bucket of a device', () => {
  it('is the one of seed 003', () => {
    expect(
      ['esp32_001', 'esp32_002', 'esp32_test1', 'device123', 'd1', 'AA:BB:CC:DD:EE:FF'].map(
        bucketOf,
      ),
    ).toEqual([69, 12, 16, 16, 85, 23]);
  });

  it('spreads a thousand devices as seed 003 does', () => {
    const buckets = Array.from({ length: 1000 }, (_, index) => bucketOf(`device${index}`));
    expect(buckets.filter((bucket) => bucket < 50)).toHaveLength(470);
    expect(buckets.filter((bucket) => bucket < 10)).toHaveLength(108);
  });

  it('only adds devices when the percentage is raised', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(100), fc.nat(100), (id, a, b) => {
        const device = { id, groups: [] };
        const [low, high] = a < b ? [a, b] : [b, a];
        const isIn = (percentage: number): boolean =>
          isInAudience({ kind: 'canary', percentage }, device);
        expect(isIn(low) && !isIn(high)).toBe(false);
        expect(isIn(0)).toBe(false);
        expect(isIn(100)).toBe(true);
      }),
    );
  });
});

describe('an audience', () => {
  it('of groups takes a device in any of them, within the percentage', () => {
    const device = { id: 'esp32_002', groups: ['b'] };
    expect(isInAudience({ kind: 'groups', groups: ['a', 'b'], percentage: 13 }, device)).toBe(true);
    expect(isInAudience({ kind: 'groups', groups: ['a', 'b'], percentage: 12 }, device)).toBe(
      false,
    );
    expect(isInAudience({ kind: 'groups', groups: ['a'], percentage: 100 }, device)).toBe(false);
  });

  it('of specific devices has no percentage', () => {
    const audience = { kind: 'specific', deviceIds: ['d1'] } as const;
    expect(isInAudience(audience, { id: 'd1', groups: [] })).toBe(true);
    expect(isInAudience(audience, { id: 'd2', groups: [] })).toBe(false);
  });
});

describe('an offer', () => {
  it('is made by a running rollout, and by no other', () => {
    const states = ['draft', 'running', 'paused', 'finished', 'cancelled'] as const;
    expect(states.map((state) => answer(aDevice(), [aRelease()], [aRollout({ state })]))).toEqual([
      'not-released',
      '2.0.0',
      'paused',
      'not-released',
      'not-released',
    ]);
  });

  it('of a stable release needs no rollout', () => {
    expect(answer(aDevice(), [aRelease({ stable: true })], [])).toBe('2.0.0');
  });

  it('is never an inactive release', () => {
    const release = aRelease({ stable: true, active: false });
    expect(answer(aDevice(), [release], [aRollout()])).toBe('no-release');
  });

  it('of a stable release stops while a rollout of it is paused', () => {
    const rollouts = [aRollout({ state: 'paused' })];
    expect(answer(aDevice(), [aRelease({ stable: true })], rollouts)).toBe('paused');
  });

  it('is the newest by semantic version, not by text or date', () => {
    const releases = [
      aRelease({ id: 1, version: '1.10.0', createdAtMs: 1 }),
      aRelease({ id: 2, version: '1.9.0', createdAtMs: 2 }),
    ].map((release) => ({ ...release, stable: true }));
    expect(answer(aDevice(), releases, [])).toBe('1.10.0');
  });

  it('considers every rollout: a narrow new one does not hide a wide old one', () => {
    const releases = [aRelease(), aRelease({ id: 2, version: '3.0.0' })];
    const narrow = aRollout({ id: 2, releaseId: 2, audience: { kind: 'specific', deviceIds: [] } });
    expect(answer(aDevice(), releases, [aRollout(), narrow])).toBe('2.0.0');
  });

  it('is never older than what runs, unless the rollout says so', () => {
    const device = aDevice({ version: '2.1.0' });
    expect(answer(device, [aRelease()], [aRollout()])).toBe('downgrade');
    expect(answer(device, [aRelease()], [aRollout({ allowDowngrade: true })])).toBe('2.0.0');
  });

  it('does not send a device back and forth between a downgrade and a newer release', () => {
    const releases = [aRelease(), aRelease({ id: 2, version: '3.0.0', stable: true })];
    const back = aRollout({ allowDowngrade: true, createdAtMs: 5 });
    expect(answer(aDevice({ version: '3.0.0' }), releases, [back])).toBe('2.0.0');
    expect(answer(aDevice({ version: '2.0.0' }), releases, [back])).not.toBe('3.0.0');
    const forth = aRollout({ id: 9, releaseId: 2, createdAtMs: 6 });
    expect(answer(aDevice({ version: '2.0.0' }), releases, [back, forth])).toBe('3.0.0');
  });

  it('leads over a stepping stone when the device is too old', () => {
    const releases = [
      aRelease({ id: 1, version: '3.0.0', minVersion: '2.0.0', stable: true }),
      aRelease({ id: 2, version: '2.5.0', minVersion: '1.5.0', stable: true }),
      aRelease({ id: 3, version: '1.8.0', stable: true }),
    ];
    expect(answer(aDevice({ version: '1.0.0' }), releases, [])).toBe('1.8.0');
    expect(answer(aDevice({ version: '1.8.0' }), releases, [])).toBe('2.5.0');
    expect(answer(aDevice({ version: '2.5.0' }), releases, [])).toBe('3.0.0');
    const lonely = releases.slice(0, 1);
    expect(answer(aDevice({ version: '1.0.0' }), lonely, [])).toBe('below-min-version');
  });

  it('takes a release whose rollout has finished as a stepping stone only', () => {
    const releases = [
      aRelease({ id: 1, version: '3.0.0', minVersion: '2.0.0' }),
      aRelease({ id: 2, version: '2.0.0' }),
    ];
    const done = aRollout({ id: 2, releaseId: 2, state: 'finished' });
    expect(answer(aDevice(), releases, [aRollout(), done])).toBe('2.0.0');
    expect(answer(aDevice(), releases, [done])).toBe('not-released');
  });

  it('counts the build number when the version is the same', () => {
    const release = aRelease({ version: '1.0.0', build: 7, stable: true });
    expect(answer(aDevice({ build: 6 }), [release], [])).toBe('1.0.0+7');
    expect(answer(aDevice({ build: 7 }), [release], [])).toBe('up-to-date');
    expect(answer(aDevice({ build: 8 }), [release], [])).toBe('downgrade');
    expect(answer(aDevice(), [release], [])).toBe('up-to-date');
  });

  it('knows an image by its hash when the version says nothing', () => {
    const release = aRelease({ version: '1.0.0', elfSha256: 'ee'.repeat(32) });
    const rollouts = [aRollout()];
    const running = (imageSha256: string): Device => aDevice({ imageSha256 });
    expect(answer(running('ee'.repeat(32)), [release], rollouts)).toBe('up-to-date');
    expect(answer(running('aa'.repeat(32)), [release], rollouts)).toBe('up-to-date');
    expect(answer(running('bb'.repeat(32)), [release], rollouts)).toBe('1.0.0');
  });

  it('fits the chip', () => {
    const release = aRelease({ chip: 'esp32s3', stable: true });
    expect(answer(aDevice({ chip: 'esp32' }), [release], [])).toBe('wrong-chip');
    expect(answer(aDevice({ chip: 'esp32s3' }), [release], [])).toBe('2.0.0');
    expect(answer(aDevice(), [release], [])).toBe('2.0.0');
  });

  it('is not repeated to a device that keeps coming back without it', () => {
    const twice = aDevice({ setbacks: { 1: setbackLimit - 1 } });
    const thrice = aDevice({ setbacks: { 1: setbackLimit } });
    expect(answer(twice, [aRelease()], [aRollout()])).toBe('2.0.0');
    expect(answer(thrice, [aRelease()], [aRollout()])).toBe('loop-breaker');
  });

  it('of a stable release waits until the version of a device can be placed', () => {
    const device = aDevice({ version: 'main-4f2a' });
    expect(answer(device, [aRelease({ stable: true })], [])).toBe('version-unknown');
    expect(answer(device, [aRelease()], [aRollout()])).toBe('2.0.0');
  });

  it('never goes back or out of the audience, whatever the fleet is like', () => {
    const version = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map((numbers) => numbers.join('.'));
    const release = fc.record({ version, stable: fc.boolean(), active: fc.boolean() });
    const rollout = fc.record({ release: fc.nat(4), percentage: fc.nat(100) });
    fc.assert(
      fc.property(
        fc.string(),
        version,
        fc.array(release, { maxLength: 5 }),
        fc.array(rollout, { maxLength: 5 }),
        (id, current, some, plans) => {
          const releases = some.map((changes, index) => aRelease({ id: index, ...changes }));
          const rollouts = plans.map((plan, index) =>
            aRollout({
              id: index,
              releaseId: plan.release,
              audience: { kind: 'canary', percentage: plan.percentage },
            }),
          );
          const device = aDevice({ id, version: current });
          const offer = chooseOffer(device, sortReleases(releases), rollouts);
          if (!offer.update) return;
          expect(offer.release.active).toBe(true);
          expect(
            offer.release.version.localeCompare(current, 'en', { numeric: true }),
          ).toBeGreaterThan(0);
          const addressed = rollouts.some(
            ({ releaseId, audience }) =>
              releaseId === offer.release.id && isInAudience(audience, device),
          );
          expect(offer.release.stable || addressed).toBe(true);
        },
      ),
    );
  });
});
