import { defineCheck } from '../check.ts';
import { chipById } from '../chips.ts';

/** Steps of the anti-rollback eFuse on chips that are not told otherwise (ESP-IDF `Kconfig.app_rollback`). */
const usualSteps = 16;

export const secureVersionRange = defineCheck({
  name: 'secure-version-range',
  level: 'error',
  wants: "a secure version that the chip's fuses can count to",
  reason: 'the fuses cannot hold it, so no later version can be told from it',
  remedy: 'Lower CONFIG_BOOTLOADER_APP_SECURE_VERSION; it counts breaks of security, not releases.',
  run({ image }) {
    if (image.kind !== 'app') return undefined;
    const found = image.descriptor.secureVersion;
    const most = chipById(image.chip.id)?.secureVersionSteps ?? usualSteps;
    if (found <= most) return undefined;
    return { found: `the secure version ${found}`, expected: `at most ${most}` };
  },
});
