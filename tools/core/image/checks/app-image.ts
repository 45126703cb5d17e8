import { defineCheck } from '../check.ts';
import { isFlashAddress } from '../esp8266/header.ts';
import { type FirmwareFile, type FirmwareKind, kindNames } from '../firmware-file.ts';

const expected = 'an app image';

/** What people meant to give, by what they gave. */
const remedies: Readonly<Partial<Record<FirmwareKind, string>>> = {
  bootloader: 'Give the app, build/<project>.bin, instead of bootloader/bootloader.bin.',
  merged: 'Give the app, build/<project>.bin; a merged image is for the first flashing by cable.',
  elf: 'Give the .bin beside the .elf, or convert it with `esptool elf2image`.',
  'delta-patch': 'Give the full image; patches are made for devices that have its base.',
  encrypted: 'Give the image as it was before flash encryption: devices encrypt it themselves.',
  empty: 'The build did not finish: build again.',
};

/** The code of a NONOS app takes tens of KB; a few bytes are garbage. */
const leastCodeBytes = 4096;

export const appImage = defineCheck({
  name: 'app-image',
  level: 'error',
  wants: 'an app, not a bootloader, merged image, table, ELF file, patch or encrypted file',
  reason: 'a device writes whatever it gets into its app slot, and then has nothing to boot',
  remedy: 'Give the app of the build: build/<project>.bin.',
  run({ image }) {
    if (isApp(image)) return undefined;
    if (image.kind === 'esp8266-v1') {
      return { found: 'an ESP8266 image without code in flash (a boot loader?)', expected };
    }
    const remedy = remedies[image.kind];
    return { found: kindNames[image.kind], expected, ...(remedy === undefined ? {} : { remedy }) };
  },
});

/** Images without descriptor have a check of their own. */
function isApp(image: FirmwareFile): boolean {
  if (image.kind === 'esp8266-v1') {
    // Boot loaders run from RAM and end with their checksum; NONOS apps have raw code behind it.
    const inFlash = image.segments.some(({ address }) => isFlashAddress(address));
    const { trailing } = image;
    const behind = trailing?.content === 'data' && trailing.sizeBytes >= leastCodeBytes;
    return image.layout !== 'plain' || inFlash || behind;
  }
  return image.kind === 'app' || image.kind === 'image' || image.kind === 'esp8266-v2';
}
