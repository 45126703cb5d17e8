import { quoted } from '../../display-text.ts';
import { defineCheck } from '../check.ts';
import { smallestOtaSlot } from '../partitions/partition.ts';

export const fitsSlot = defineCheck({
  name: 'fits-slot',
  level: 'error',
  wants: 'the file, signature included, to fit the smallest OTA slot',
  reason: 'the update fails on the device, at best when it begins and at worst at its end',
  remedy:
    'Make the app smaller (`idf.py size-components`), or the slots larger; fielded devices keep theirs.',
  run({ image, partitionTable }) {
    const slot = smallestOtaSlot(partitionTable?.partitions ?? []);
    if (slot === undefined || image.sizeBytes <= slot.sizeBytes) return undefined;
    return {
      found: `${image.sizeBytes} bytes`,
      expected: `at most ${slot.sizeBytes}, the size of slot ${quoted(slot.label)}`,
    };
  },
});
