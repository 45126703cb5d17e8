import { describe, expect, it } from 'vitest';
import {
  type AudienceRequest,
  chooseDevices,
} from '../../../tools/core/fleet/commands/audience.ts';

const nobody: AudienceRequest = { devices: [], groups: [], all: false };
const known = { devices: ['a', 'b'], groups: { lab: ['b', 'c'] } };

describe('the audience of a command', () => {
  it('is everyone who is named, once', () => {
    expect(chooseDevices({ ...nobody, devices: ['b', 'x'], groups: ['lab'] }, known, [])).toEqual([
      'b',
      'x',
      'c',
    ]);
  });

  it('is, with --all, whoever the configuration or the broker knows', () => {
    expect(chooseDevices({ ...nobody, all: true }, known, ['c', 'd'])).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
  });

  it.each([
    [nobody, 'usage'],
    [{ ...nobody, groups: ['labb'] }, 'group-unknown'],
    [{ ...nobody, groups: ['constructor'] }, 'group-unknown'],
  ])('is refused when nobody is meant: %j', (request, code) => {
    expect(() => chooseDevices(request, known, [])).toThrow(expect.objectContaining({ code }));
  });
});
