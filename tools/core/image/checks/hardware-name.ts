import { quoted } from '../../display-text.ts';
import { defineCheck } from '../check.ts';
import { chips, esp8266, parseChipName } from '../chips.ts';

const current = [...chips.filter(({ retired }) => retired !== true), esp8266];

export const hardwareName = defineCheck({
  name: 'hardware-name',
  level: 'warning',
  wants: 'product.hardware to name at least one chip',
  reason: 'a name that is no chip cannot be compared with the image, so the wrong chip goes unseen',
  remedy: 'Set product.hardware in the root manifest to a chip, or to a list that holds one.',
  run({ product }) {
    const { hardware } = product;
    if (hardware.some((words) => parseChipName(words) !== undefined)) return undefined;
    return {
      found: hardware.length === 0 ? 'no product.hardware' : hardware.map(quoted).join(', '),
      expected: `a name such as ${current.map(({ name }) => name).join(', ')}`,
    };
  },
});
