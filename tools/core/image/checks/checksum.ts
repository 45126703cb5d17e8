import { defineCheck } from '../check.ts';
import { hexNumber } from '../finding.ts';

export const checksum = defineCheck({
  name: 'checksum',
  level: 'error',
  wants: 'the checksum of the segments, and the CRC of ESP8266 images, to be right',
  reason: 'the boot ROM refuses the image',
  remedy: 'The file is damaged: build or download it again.',
  run({ image }) {
    const verdicts =
      image.kind === 'app' || image.kind === 'image'
        ? [image.checksum]
        : image.kind === 'esp8266-v1'
          ? [image.checksum, image.app?.checksum, image.app?.crc]
          : image.kind === 'esp8266-v2'
            ? [image.checksum, image.crc]
            : [];
    const bad = verdicts.find((verdict) => verdict?.status === 'invalid');
    if (bad === undefined) return undefined;
    return {
      found: `the stored checksum ${hexNumber(bad.stored ?? 0, 2)}`,
      expected: `${hexNumber(bad.computed ?? 0, 2)}, as computed from the data`,
    };
  },
});
