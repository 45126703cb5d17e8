import { defineCheck } from '../check.ts';
import { parseChipName } from '../chips.ts';
import { chipOf } from '../image-chip.ts';

export const chip = defineCheck({
  name: 'chip',
  level: 'error',
  wants: "the image's chip to be one of product.hardware",
  reason: 'code for another chip does not start',
  remedy:
    'Give the build for this product, or add the chip to product.hardware in the root manifest.',
  run({ image, product }) {
    const names = product.hardware.flatMap((words) => parseChipName(words) ?? []);
    const made = chipOf(image);
    if (names.length === 0 || made === undefined) return undefined;
    if (made.name !== undefined && names.includes(made.name)) return undefined;
    return { found: `an image for ${made.label}`, expected: [...new Set(names)].join(' or ') };
  },
});
