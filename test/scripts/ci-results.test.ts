import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../support/run.ts';
import { createFolder } from '../support/temporary-workspace.ts';

const script = resolve(import.meta.dirname, '../../scripts/ci-results.mjs');

interface Step {
  readonly name: string;
  readonly exitCode: number;
  /** Written as it is when it is a string, else as JSON. `null`: the step left none. */
  readonly report?: unknown;
}

async function sum(steps: readonly Step[]) {
  const folder = await createFolder();
  const lines: string[] = [];
  for (const { name, exitCode, report } of steps) {
    const file = report === undefined ? '' : join(folder, `${name}.json`);
    if (report !== undefined && report !== null) {
      await writeFile(file, typeof report === 'string' ? report : JSON.stringify(report));
    }
    lines.push(`${name}\t${exitCode}\t${file}\n`);
  }
  await writeFile(join(folder, 'steps'), lines.join(''));
  const { exitCode, output } = await run('node', [script, join(folder, 'steps')]);
  return { exitCode, last: output.trimEnd().split('\n').at(-1), output };
}

const vitest = (counts: object, files: object[] = []) => ({
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: files,
  ...counts,
});

describe('the sum of a CI run', () => {
  it('adds steps without a report, test suites and smoke checks', async () => {
    const smoke = {
      ok: true,
      checks: [
        { name: 'a', ok: true },
        { name: 'b', ok: true },
      ],
    };
    expect(
      await sum([
        { name: 'lint', exitCode: 0 },
        { name: 'test', exitCode: 0, report: vitest({ numPassedTests: 40 }) },
        { name: 'smoke', exitCode: 0, report: smoke },
      ]),
    ).toMatchObject({ exitCode: 0, last: '43 passed, 0 failed' });
  });

  it.each<[string, Step, string]>([
    ['a step that failed', { name: 'lint', exitCode: 1 }, '0 passed, 1 failed'],
    [
      'failed tests',
      { name: 'test', exitCode: 1, report: vitest({ numPassedTests: 5, numFailedTests: 2 }) },
      '5 passed, 2 failed',
    ],
    [
      'skipped and planned tests',
      {
        name: 'test',
        exitCode: 0,
        report: vitest({ numPassedTests: 5, numPendingTests: 2, numTodoTests: 1 }),
      },
      '5 passed, 3 failed',
    ],
    [
      'a test file that cannot be loaded',
      {
        name: 'test',
        exitCode: 1,
        report: vitest({ numPassedTests: 5 }, [{ status: 'failed', assertionResults: [] }]),
      },
      '5 passed, 1 failed',
    ],
    [
      'a suite that failed after its last test',
      { name: 'test', exitCode: 1, report: vitest({ numPassedTests: 5 }) },
      '5 passed, 1 failed',
    ],
    [
      'a suite that ran nothing',
      { name: 'test', exitCode: 0, report: vitest({}) },
      '0 passed, 1 failed',
    ],
    ['a report that is missing', { name: 'test', exitCode: 0, report: null }, '0 passed, 1 failed'],
    ['a report that is no JSON', { name: 'test', exitCode: 0, report: '{' }, '0 passed, 1 failed'],
    [
      'a report of another shape',
      { name: 'test', exitCode: 0, report: { ok: true } },
      '0 passed, 1 failed',
    ],
    [
      'a failed smoke check',
      {
        name: 'smoke',
        exitCode: 1,
        report: {
          ok: false,
          checks: [
            { name: 'a', ok: true },
            { name: 'b', ok: false },
          ],
        },
      },
      '1 passed, 1 failed',
    ],
  ])('counts %s', async (_what, step, last) => {
    expect(await sum([step])).toMatchObject({ exitCode: 1, last });
  });

  it('is a failure when nothing ran at all', async () => {
    expect(await sum([])).toMatchObject({ exitCode: 1, last: '0 passed, 1 failed' });
  });

  it('names each step with its own count', async () => {
    const { output } = await sum([
      { name: 'lint', exitCode: 0 },
      { name: 'test', exitCode: 1, report: null },
    ]);
    expect(output).toContain('ok      lint         1 passed, 0 failed');
    expect(output).toContain('FAILED  test         0 passed, 1 failed (left no readable report)');
  });
});
