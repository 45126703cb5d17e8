import { describe, expect, it } from 'vitest';
import { parseAudience } from '../../../tools/core/fleet/offers/audience-text.ts';
import type { Rollout } from '../../../tools/core/fleet/offers/rollout.ts';
import { planRolloutStart } from '../../../tools/core/fleet/offers/rollout-start.ts';
import { code } from '../../support/code.ts';
import { aRelease, aRollout } from '../../support/fleet-facts.ts';

const release = aRelease({ version: '1.1.0' });
const canary = (changes: Partial<Rollout> = {}): Rollout =>
  aRollout({ audience: parseAudience('canary:10'), ...changes });
const plan = (rollouts: Rollout[], audience = 'canary:10') =>
  planRolloutStart(release, parseAudience(audience), rollouts, undefined);

describe('a rollout that comes with a release', () => {
  it('is created under the name of model and version', () => {
    expect(plan([])).toEqual({ outcome: 'created', name: 'esp32-1.1.0' });
    const build = planRolloutStart({ ...release, build: 7 }, parseAudience('all'), [], undefined);
    expect(build).toEqual({ outcome: 'created', name: 'esp32-1.1.0-b7' });
  });

  it('is created beside rollouts of other releases', () => {
    expect(plan([canary({ releaseId: 2 })]).outcome).toBe('created');
  });

  it('is unchanged when it runs already, under any name', () => {
    const rollout = canary({ name: 'by hand' });
    expect(plan([rollout])).toEqual({ outcome: 'unchanged', rollout });
  });

  it.each<[string, Partial<Rollout>]>([
    ['raised', { audience: parseAudience('canary:25') }],
    ['paused', { state: 'paused' }],
    ['finished', { state: 'finished' }],
    ['cancelled', { state: 'cancelled' }],
    ['a draft', { state: 'draft' }],
  ])('leaves one that is %s as it is', (_what, changes) => {
    const rollout = canary(changes);
    expect(plan([rollout])).toEqual({ outcome: 'kept', rollout });
  });

  it('speaks of the rollout that runs when there are several, else of the newest', () => {
    const old = canary({ id: 1, state: 'cancelled' });
    const newer = canary({ id: 2, state: 'cancelled' });
    const running = canary({ id: 3, audience: parseAudience('all') });
    expect(plan([old, running, newer])).toMatchObject({ rollout: { id: 3 } });
    expect(plan([old, newer])).toMatchObject({ rollout: { id: 2 } });
  });

  it('is refused when another release has a rollout of that name', () => {
    const named = { releaseId: 2 };
    expect(code(() => planRolloutStart(release, parseAudience('all'), [], named))).toBe(
      'rollout-exists',
    );
  });
});
