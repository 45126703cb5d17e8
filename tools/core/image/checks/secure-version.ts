import { quoted } from '../../display-text.ts';
import { defineCheck, type PackagedRelease } from '../check.ts';

export const secureVersion = defineCheck({
  name: 'secure-version',
  level: 'error',
  wants: 'a secure version not below the highest that was released',
  reason: 'a device that ran the higher one burned a fuse and never boots a lower one again',
  remedy: 'Raise CONFIG_BOOTLOADER_APP_SECURE_VERSION and build again.',
  run({ image, version, releases }) {
    if (image.kind !== 'app') return undefined;
    const found = image.descriptor.secureVersion;
    const highest = releases
      .filter((release) => release.version !== version)
      .reduce<PackagedRelease | undefined>(
        (top, release) =>
          (release.secureVersion ?? 0) > (top?.secureVersion ?? 0) ? release : top,
        undefined,
      );
    if (highest?.secureVersion === undefined || found >= highest.secureVersion) return undefined;
    return {
      found: `the secure version ${found}`,
      expected: `at least ${highest.secureVersion}, that of release ${quoted(highest.version)}`,
    };
  },
});
