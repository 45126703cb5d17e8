import { quoted } from '../../display-text.ts';
import { compareVersions, isSemanticVersion } from '../../version.ts';
import { defineCheck } from '../check.ts';

export const downgrade = defineCheck({
  name: 'downgrade',
  level: 'warning',
  wants: 'a version above all that are released',
  reason: 'devices that compare versions do not take it; those that do not lose what was mended',
  remedy: 'Choose a higher version, unless this mends an older line on purpose.',
  run({ version, releases }) {
    // Texts that are no semantic versions, such as commit hashes, have no order worth a warning.
    if (!isSemanticVersion(version)) return undefined;
    const newest = releases
      .map((release) => release.version)
      .filter((other) => other !== version && isSemanticVersion(other))
      .sort(compareVersions)
      .at(-1);
    if (newest === undefined || compareVersions(version, newest) >= 0) return undefined;
    return { found: `the version ${quoted(version)}`, expected: `one above ${quoted(newest)}` };
  },
});
