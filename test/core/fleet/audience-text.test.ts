import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAudience,
  longestAudienceText,
  parseAudience,
} from '../../../tools/core/fleet/offers/audience-text.ts';
import {
  type Audience,
  isSameAudience,
} from '../../../tools/core/fleet/offers/rollout-audience.ts';
import { fromTarget, toTarget } from '../../../tools/core/fleet/offers/rollout-target.ts';
import { code } from '../../support/code.ts';

const groups = (names: string[], percentage = 100): Audience => ({
  kind: 'groups',
  groups: names,
  percentage,
});
const devices = (...deviceIds: string[]): Audience => ({ kind: 'specific', deviceIds });

describe('an audience in one word', () => {
  it.each<[string, Audience]>([
    ['all', { kind: 'all', percentage: 100 }],
    ['all:25', { kind: 'all', percentage: 25 }],
    ['canary:10', { kind: 'canary', percentage: 10 }],
    ['canary:0', { kind: 'canary', percentage: 0 }],
    ['groups:a', groups(['a'])],
    ['groups:a,b', groups(['a', 'b'])],
    ['group:a, b,,a:25', groups(['a', 'b'], 25)],
    [
      'groups:location:warehouse,function:sensor',
      groups(['location:warehouse', 'function:sensor']),
    ],
    ['groups:zone:7:100', groups(['zone:7'])],
    ['devices:esp32_001', devices('esp32_001')],
    ['devices:AA:BB:CC:DD:EE:01,b', devices('AA:BB:CC:DD:EE:01', 'b')],
    ['specific:a,b', devices('a', 'b')],
  ])('%s is understood', (text, audience) => {
    expect(parseAudience(text)).toEqual(audience);
  });

  it.each([
    ['', 'is for nobody that is known'],
    ['canari:10', 'did you mean "canary"?'],
    ['all:', 'needs a percentage'],
    ['canary', 'needs a percentage'],
    ['canary:101', 'needs a percentage from 0 to 100'],
    ['canary:1e1', 'needs a percentage'],
    ['canary:-1', 'needs a percentage'],
    ['groups:', 'names no group'],
    ['groups:,:25', 'names no group'],
    ['groups:a:101', 'needs a percentage from 0 to 100 at its end'],
    ['devices:', 'names no device'],
    ['toString:1', 'is for nobody that is known'],
    ['10', 'is for nobody that is known'],
    [`devices:${'x'.repeat(longestAudienceText)}`, `is longer than ${longestAudienceText}`],
  ])('%j is refused with a hint', (text, words) => {
    expect(() => parseAudience(text)).toThrowError(
      expect.objectContaining({
        code: 'audience-invalid',
        message: expect.stringContaining(words),
        hint: expect.stringContaining('canary:10'),
      }),
    );
  });

  const name = fc.stringMatching(/^[\w:.-]{1,12}$/);
  const names = fc.uniqueArray(name, { minLength: 1, maxLength: 5 });
  const percentage = fc.nat(100);
  const audience: fc.Arbitrary<Audience> = fc.oneof(
    fc.record({ kind: fc.constantFrom('all' as const, 'canary' as const), percentage }),
    fc.record({ kind: fc.constant('groups' as const), groups: names, percentage }),
    fc.record({ kind: fc.constant('specific' as const), deviceIds: names }),
  );

  it('says everything: what is written is read again', () => {
    fc.assert(
      fc.property(audience, (given) => {
        expect(parseAudience(formatAudience(given))).toEqual(given);
      }),
    );
  });

  it('is refused or understood, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect([undefined, 'audience-invalid']).toContain(code(() => parseAudience(text)));
      }),
    );
  });

  it('keeps its meaning in the words of seed 003', () => {
    fc.assert(
      fc.property(audience, (given) => {
        expect(fromTarget(toTarget(given))).toEqual(given);
      }),
    );
  });
});

describe('two audiences', () => {
  it.each<[string, string, boolean]>([
    ['all', 'canary:100', true],
    ['canary:10', 'canary:11', false],
    ['groups:a,b', 'groups:b,a,a', true],
    ['groups:a', 'groups:a:50', false],
    ['groups:a', 'devices:a', false],
    ['devices:a,b', 'devices:b,a', true],
    ['all', 'groups:a', false],
  ])('%s and %s: the same devices is %s', (a, b, same) => {
    expect(isSameAudience(parseAudience(a), parseAudience(b))).toBe(same);
  });
});
