import { chips, esp8266, parseChipName } from '../image/chips.ts';
import type { ExportFacts } from './format.ts';

/** The family, or a sentence that says why it is not known. */
export type ChipFamily = { readonly family: string } | { readonly problem: string };

/**
 * The chip as esp-web-tools and ESPHome call it (`ESP32-C3`): that of the image, else the one that the product's
 * hardware names.
 */
export function chipFamilyOf({ release, hardware }: ExportFacts): ChipFamily {
  const chip = release.image?.chip;
  const words = chip === undefined ? hardware : [chip];
  const names = new Set(words.map((word) => parseChipName(word) ?? word));
  const [name] = names;
  if (name === undefined)
    return { problem: 'neither image.chip nor product.hardware says the chip' };
  if (names.size > 1)
    return { problem: `product.hardware names several chips: ${[...names].join(', ')}` };
  const family = [...chips, esp8266].find((known) => known.name === name)?.webToolsFamily;
  return family === undefined
    ? { problem: `the format does not know the chip ${name}` }
    : { family };
}
