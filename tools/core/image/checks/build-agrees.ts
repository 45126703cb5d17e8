import { defineCheck } from '../check.ts';

export const buildAgrees = defineCheck({
  name: 'build-agrees',
  level: 'warning',
  wants: 'a build folder that does not contradict itself',
  reason: 'the app may be left from an earlier build, or not belong to the table and configuration',
  remedy:
    'Look at `ota inspect BUILD_DIR`, and build again from scratch (`idf.py fullclean build`).',
  run({ build }) {
    const [first, ...more] = build?.disagreements ?? [];
    if (first === undefined) return undefined;
    const count = more.length === 0 ? '' : ` (and ${more.length} more)`;
    return { found: `${first.message}${count}`, expected: 'files of one build' };
  },
});
