import { describe, expect, it } from 'vitest';
import { checks } from '../../tools/core/image/checks/index.ts';
import {
  checkFailure,
  checkNames,
  checkWarnings,
  failedErrors,
  runChecks,
} from '../../tools/core/image/run-checks.ts';
import { checkSubject } from '../support/check-subject.ts';
import { code } from '../support/code.ts';

/** Fails version-match (an error) and dirty-version (a warning). */
const subject = checkSubject({ version: '1.2.4-dirty' });

function statuses(results: ReturnType<typeof runChecks>): Record<string, string> {
  return Object.fromEntries(
    results
      .filter(({ status }) => status !== 'passed')
      .map(({ check, level, status }) => [check, `${level} ${status}`]),
  );
}

describe('the list of checks', () => {
  it('has every name once, in the form of a flag', () => {
    expect(new Set(checkNames).size).toBe(checks.length);
    for (const name of checkNames) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });
});

describe('the level of a check', () => {
  it('is its own unless the product says otherwise', () => {
    expect(statuses(runChecks(subject))).toEqual({
      'version-match': 'error failed',
      'dirty-version': 'warning failed',
    });
    const levels = { 'version-match': 'off', 'dirty-version': 'error' } as const;
    expect(statuses(runChecks(subject, levels))).toEqual({
      'version-match': 'off off',
      'dirty-version': 'error failed',
    });
  });

  it('does not matter for a check that is allowed to fail', () => {
    const results = runChecks(subject, {}, ['version-match', 'dirty-version', 'chip']);
    expect(statuses(results)).toEqual({
      'version-match': 'error allowed',
      'dirty-version': 'warning allowed',
    });
    expect(failedErrors(results)).toEqual([]);
    expect(checkWarnings(results).map(({ check }) => check)).toEqual([
      'version-match',
      'dirty-version',
    ]);
  });

  it('can only be set for checks that exist', () => {
    expect(code(() => runChecks(subject, { chp: 'off' }))).toBe('check-unknown');
    expect(code(() => runChecks(subject, {}, ['dirty']))).toBe('check-unknown');
    expect(() => runChecks(subject, { chp: 'off' })).toThrow(
      'product.checks names the check "chp", which does not exist (did you mean "chip"?)',
    );
  });
});

describe('the outcome', () => {
  it('is an error that says what was found, expected, and what to do', () => {
    const failure = checkFailure(runChecks(subject), 'build/blinky.bin');
    expect(failure).toMatchObject({
      code: 'check-failed',
      message: 'build/blinky.bin fails a check',
      details: [
        'version-match: found the version "1.2.3" in the image, expected "1.2.4-dirty". Build with that version (version.txt, git tag or PROJECT_VER), or release as what it is.',
      ],
      hint: 'If you are sure: --allow version-match.',
    });
  });

  it('counts several failures', () => {
    const failure = checkFailure(runChecks(subject, { 'dirty-version': 'error' }), 'x.bin');
    expect(failure).toMatchObject({
      message: 'x.bin fails 2 checks',
      hint: 'If you are sure: --allow version-match --allow dirty-version.',
    });
  });

  it('is nothing when only warnings are left', () => {
    const results = runChecks(subject, { 'version-match': 'warning' });
    expect(checkFailure(results, 'x.bin')).toBeUndefined();
    expect(checkWarnings(results)).toHaveLength(2);
  });

  it('tells the remedy of the case where the check has one', () => {
    const elf = { kind: 'elf', sizeBytes: 9, machine: 'riscv', findings: [] } as const;
    const [result] = runChecks(checkSubject({ image: elf }));
    expect(result).toMatchObject({
      check: 'app-image',
      finding: { remedy: expect.stringContaining('beside the .elf') },
    });
  });
});
