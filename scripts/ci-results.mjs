/**
 * Sums what a CI run did: `node scripts/ci-results.mjs STEPS`. Plain JavaScript without packages, because it
 * has to speak even after `npm ci` failed.
 *
 * STEPS has one line for each step: name, exit status, report file, separated by tabs. The report is the JSON
 * of Vitest or of `ota smoke-test`; a step without one counts as one. Prints a line for each step, then
 * `N passed, N failed`; ends with 1 when anything failed.
 */
import { readFileSync } from 'node:fs';

/** @returns {{ passed: number, failed: number, remark?: string }} */
function countStep(exitCode, reportFile) {
  if (reportFile === '')
    return exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const count = countReport(reportFile);
  if (count === undefined) return { passed: 0, failed: 1, remark: 'left no readable report' };
  // A suite may end badly after its last test: an unhandled error, a time-out of the whole step.
  if (exitCode !== 0 && count.failed === 0) {
    return { ...count, failed: 1, remark: 'every test passed, but the step failed' };
  }
  if (count.passed + count.failed === 0) return { passed: 0, failed: 1, remark: 'ran nothing' };
  return count;
}

function countReport(reportFile) {
  try {
    const report = JSON.parse(readFileSync(reportFile, 'utf8'));
    return Array.isArray(report.checks) ? countChecks(report.checks) : countTests(report);
  } catch {
    return undefined;
  }
}

/** `ota smoke-test --json`. */
function countChecks(checks) {
  const passed = checks.filter((check) => check.ok === true).length;
  return { passed, failed: checks.length - passed };
}

/** Vitest's JSON reporter. In CI nothing may be skipped, and a file that cannot be loaded has no tests. */
function countTests(report) {
  const skipped = report.numPendingTests + report.numTodoTests;
  const unloadable = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  const remarks = [
    ...(skipped > 0 ? [`${skipped} skipped, which counts as failed`] : []),
    ...(unloadable > 0 ? [`${unloadable} test file(s) could not be loaded`] : []),
  ];
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + skipped + unloadable,
    ...(remarks.length > 0 ? { remark: remarks.join('; ') } : {}),
  };
}

const [stepsFile = ''] = process.argv.slice(2);
const lines = readFileSync(stepsFile, 'utf8').split('\n').filter(Boolean);
const total = { passed: 0, failed: 0 };
for (const line of lines) {
  const [name = '', exitCode = '', reportFile = ''] = line.split('\t');
  const { passed, failed, remark } = countStep(Number(exitCode), reportFile);
  total.passed += passed;
  total.failed += failed;
  const verdict = failed === 0 ? 'ok    ' : 'FAILED';
  process.stdout.write(
    `${verdict}  ${name.padEnd(12)} ${passed} passed, ${failed} failed${remark ? ` (${remark})` : ''}\n`,
  );
}
if (lines.length === 0) total.failed = 1;
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
