import { defineCheck } from '../check.ts';
import type { FirmwareFile } from '../firmware-file.ts';

export const versionExplicit = defineCheck({
  name: 'version-explicit',
  level: 'error',
  wants: 'a version given by --version when the image carries none of its own',
  reason: 'the version would be that of the Arduino core, or made up',
  remedy: 'Add --version.',
  run({ image, versionGiven }) {
    const found = versionGiven ? undefined : reasonWithoutVersion(image);
    return found === undefined ? undefined : { found, expected: 'a version given by --version' };
  },
});

function reasonWithoutVersion(image: FirmwareFile): string | undefined {
  switch (image.kind) {
    case 'app':
      if (image.descriptor.placeholder) return "the placeholder descriptor of Arduino's core";
      return image.descriptor.version === '' ? 'an empty version in the image' : undefined;
    case 'image':
      return 'an image without descriptor';
    case 'esp8266-v1':
    case 'esp8266-v2':
      return 'an ESP8266 image, which holds no version';
    default:
      return undefined;
  }
}
