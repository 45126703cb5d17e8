import { quoted } from '../../display-text.ts';
import { defineCheck } from '../check.ts';
import { sameCutText } from '../esp/app-descriptor.ts';

export const versionMatch = defineCheck({
  name: 'version-match',
  level: 'error',
  wants: 'the version in the image to be the version of the release (a leading v does not count)',
  reason:
    'a device reports the version in its image: it would be offered the same update for ever, or never',
  remedy:
    'Build with that version (version.txt, git tag or PROJECT_VER), or release as what it is.',
  run({ image, version }) {
    if (image.kind !== 'app' || image.descriptor.placeholder) return undefined;
    const { version: found } = image.descriptor;
    if (found === '' || isSame(found, version)) return undefined;
    return { found: `the version ${quoted(found)} in the image`, expected: quoted(version) };
  },
});

function isSame(inImage: string, wanted: string): boolean {
  const bare = (text: string): string => text.replace(/^v(?=\d)/i, '');
  return sameCutText(inImage, wanted) || sameCutText(bare(inImage), bare(wanted));
}
