import { quoted } from '../../display-text.ts';
import { defineCheck } from '../check.ts';

export const sameBits = defineCheck({
  name: 'same-bits',
  level: 'error',
  wants: 'firmware that is not already released under another version',
  reason:
    'most likely the build did not run: devices would install what they have, again and again',
  remedy: 'Build again with the new version.',
  run({ sha256, version, releases }) {
    const twin = releases.find(
      (release) => release.version !== version && release.sha256.includes(sha256),
    );
    return (
      twin && {
        found: `the very bytes of release ${quoted(twin.version)}`,
        expected: 'bytes of their own',
      }
    );
  },
});
