import { defineCheck } from '../check.ts';

export const tableValid = defineCheck({
  name: 'table-valid',
  level: 'error',
  wants: "a partition table that keeps ESP-IDF's rules",
  reason: 'slots that overlap destroy each other at the first update',
  remedy: 'Correct partitions.csv and build again.',
  run({ partitionTable }) {
    const problems = (partitionTable?.findings ?? []).filter(
      ({ severity }) => severity === 'error',
    );
    const [first] = problems;
    if (first === undefined) return undefined;
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
    return { found: `${first.message}${more}`, expected: 'a table without such problems' };
  },
});
