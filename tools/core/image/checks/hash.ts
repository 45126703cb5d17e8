import { defineCheck } from '../check.ts';

export const hash = defineCheck({
  name: 'hash',
  level: 'error',
  wants: 'the appended SHA-256 to be that of the image',
  reason: 'the bootloader refuses the image; the checksum alone misses half of all double faults',
  remedy:
    'The file is damaged, or an old esptool patched its header: build it again and flash nothing over it.',
  run({ image }) {
    if (!('hash' in image) || image.hash.status !== 'invalid') return undefined;
    return {
      found: `the appended SHA-256 ${image.hash.stored ?? ''}`,
      expected: `${image.hash.computed ?? ''}, as computed from the image`,
    };
  },
});
