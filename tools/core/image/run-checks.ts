import { OtaError } from '../errors.ts';
import { didYouMeanSuffix } from '../schema.ts';
import type { Check, CheckFinding, CheckLevel, CheckSubject } from './check.ts';
import { checks } from './checks/index.ts';

export const checkNames: readonly string[] = checks.map(({ name }) => name);

/** How one check ended. `allowed`: it failed, and somebody allowed that by name. */
export type CheckResult =
  | { readonly check: string; readonly level: CheckLevel; readonly status: 'passed' | 'off' }
  | {
      readonly check: string;
      readonly level: 'error' | 'warning';
      readonly status: 'failed' | 'allowed';
      readonly finding: Required<CheckFinding>;
    };

/** A result with something to tell. */
export type FailedCheck = Extract<CheckResult, { finding: unknown }>;

/**
 * Runs all checks; the order is that of the list.
 *
 * @param levels by name, as in `product.checks`; a check that is not named has its own level
 * @param allowed names given by `--allow`: these may fail
 * @throws OtaError `check-unknown` when a level or an allowance names no check
 */
export function runChecks(
  subject: CheckSubject,
  levels: Readonly<Record<string, CheckLevel>> = {},
  allowed: readonly string[] = [],
): CheckResult[] {
  requireKnown(Object.keys(levels), 'product.checks');
  requireKnown(allowed, '--allow');
  return checks.map((check) => {
    const level = Object.hasOwn(levels, check.name) ? levels[check.name] : undefined;
    return runCheck(check, subject, level ?? check.level, allowed.includes(check.name));
  });
}

function runCheck(
  check: Check,
  subject: CheckSubject,
  level: CheckLevel,
  isAllowed: boolean,
): CheckResult {
  const { name, remedy } = check;
  if (level === 'off') return { check: name, level, status: 'off' };
  const found = check.run(subject);
  if (found === undefined) return { check: name, level, status: 'passed' };
  const finding = { remedy, ...found };
  return { check: name, level, status: isAllowed ? 'allowed' : 'failed', finding };
}

function requireKnown(names: readonly string[], place: string): void {
  const unknown = names.find((name) => !checkNames.includes(name));
  if (unknown === undefined) return;
  throw new OtaError(
    'check-unknown',
    `${place} names the check "${unknown}", which does not exist${didYouMeanSuffix(unknown, checkNames)}`,
    { hint: `The checks are ${checkNames.join(', ')}.` },
  );
}

/** Failed checks of the level error: firmware with one of them is not packaged. */
export function failedErrors(results: readonly CheckResult[]): FailedCheck[] {
  return results
    .filter(isFailed)
    .filter(({ level, status }) => level === 'error' && status === 'failed');
}

/** What to print as warnings: failed warnings, and errors that were allowed. */
export function checkWarnings(results: readonly CheckResult[]): FailedCheck[] {
  return results
    .filter(isFailed)
    .filter(({ level, status }) => level === 'warning' || status === 'allowed');
}

function isFailed(result: CheckResult): result is FailedCheck {
  return result.status === 'failed' || result.status === 'allowed';
}

/** `chip: found an image for esp32, expected esp32s3. Give the build for ...` */
export function formatCheck({ check, finding }: FailedCheck): string {
  return `${check}: found ${finding.found}, expected ${finding.expected}. ${finding.remedy}`;
}

/**
 * The error that packaging ends with, or `undefined` when no check of the level error failed.
 *
 * @param path of the firmware, for the message
 */
export function checkFailure(results: readonly CheckResult[], path: string): OtaError | undefined {
  const failed = failedErrors(results);
  if (failed.length === 0) return undefined;
  const names = failed.map(({ check }) => `--allow ${check}`).join(' ');
  return new OtaError(
    'check-failed',
    `${path} fails ${failed.length === 1 ? 'a check' : `${failed.length} checks`}`,
    { details: failed.map(formatCheck), hint: `If you are sure: ${names}.` },
  );
}
