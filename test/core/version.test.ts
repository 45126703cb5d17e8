import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareVersions,
  fileNameProblem,
  latestVersion,
  versionIdProblem,
} from '../../tools/core/version.ts';

describe('version ids', () => {
  it.each(['1.2.3', 'v1.4.1-2-g0296947-dirty', '1', 'ce17587', '1.0.0+45', 'größe'])(
    '%s is fine',
    (id) => {
      expect(versionIdProblem(id)).toBeUndefined();
    },
  );

  it.each([
    ['', 'is empty'],
    ['a/b', 'holds a path separator'],
    ['a\\b', 'holds a path separator'],
    ['..', 'starts with ".."'],
    ['.', 'starts with ".."'],
    ['a\nb', 'holds a control character'],
    ['a\u0000', 'holds a control character'],
    ['a\u009b', 'holds a control character'],
    ['x'.repeat(129), 'is longer than 128 bytes'],
    ['ü'.repeat(65), 'is longer than 128 bytes'],
    ['a:b', 'holds a character that not every file system takes (: * ? " < > |)'],
    ['1.0 ', 'starts or ends with a space, or ends with a dot'],
  ])('%j is refused', (id, problem) => {
    expect(versionIdProblem(id)).toBe(problem);
  });

  it('of 128 bytes are fine', () => {
    expect(fileNameProblem('x'.repeat(128))).toBeUndefined();
  });
});

describe('version order', () => {
  it('is by number, not by text', () => {
    expect(['1.10.0', '1.9.0', '1.2.0'].sort(compareVersions)).toEqual([
      '1.2.0',
      '1.9.0',
      '1.10.0',
    ]);
  });

  it('puts pre-releases before their release, and build numbers in order', () => {
    expect(['1.0.0', '1.0.0-rc.1', '1.0.0+10', '1.0.0+9'].sort(compareVersions)).toEqual([
      '1.0.0-rc.1',
      '1.0.0',
      '1.0.0+9',
      '1.0.0+10',
    ]);
  });

  it('ignores a leading v', () => {
    expect(compareVersions('v1.2.0', '1.2.0')).toBe(0);
  });

  it('puts texts that are no versions first', () => {
    expect(['0.0.1', 'nightly-10', 'nightly-9'].sort(compareVersions)).toEqual([
      'nightly-9',
      'nightly-10',
      '0.0.1',
    ]);
  });

  it('is antisymmetric for any texts', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
      }),
    );
  });
});

describe('latest', () => {
  it('is the newest stable version', () => {
    expect(latestVersion(['1.9.0', '1.10.0', '2.0.0-beta', 'main-abc'])).toBe('1.10.0');
  });

  it('is the newest pre-release when there is nothing stable', () => {
    expect(latestVersion(['2.0.0-beta.2', '2.0.0-beta.10'])).toBe('2.0.0-beta.10');
  });

  it('is nothing for an empty list', () => {
    expect(latestVersion([])).toBeUndefined();
  });
});
