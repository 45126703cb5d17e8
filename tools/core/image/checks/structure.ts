import { defineCheck } from '../check.ts';
import type { FirmwareKind } from '../firmware-file.ts';

const images: readonly FirmwareKind[] = ['app', 'image', 'esp8266-v1', 'esp8266-v2'];

export const structure = defineCheck({
  name: 'structure',
  level: 'error',
  wants: 'an image that is whole: no cut, no impossible segment',
  reason: 'the bootloader does not load it; without rollback the device stays dead',
  remedy: 'Build or download the file again; compare its size with the original.',
  run({ image }) {
    if (!images.includes(image.kind)) return undefined;
    const problem = image.findings.find(({ severity }) => severity === 'error');
    return problem && { found: problem.message, expected: 'a whole image' };
  },
});
