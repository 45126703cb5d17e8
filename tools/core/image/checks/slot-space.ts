import { quoted } from '../../display-text.ts';
import { defineCheck } from '../check.ts';
import { smallestOtaSlot } from '../partitions/partition.ts';

/** ESP-IDF's own build warns at the same share (`check_sizes.py`). */
const leastFree = 0.05;

export const slotSpace = defineCheck({
  name: 'slot-space',
  level: 'warning',
  wants: 'at least 5 % of the smallest OTA slot to stay free',
  reason: 'the next version may not fit any more, and slots cannot grow over the air',
  remedy: 'Plan for it: make the app smaller, or larger slots in devices to come.',
  run({ image, partitionTable }) {
    const slot = smallestOtaSlot(partitionTable?.partitions ?? []);
    if (slot === undefined || image.sizeBytes > slot.sizeBytes) return undefined;
    const free = (slot.sizeBytes - image.sizeBytes) / slot.sizeBytes;
    if (free >= leastFree) return undefined;
    return {
      found: `${(free * 100).toFixed(1)} % free in slot ${quoted(slot.label)}`,
      expected: `at least ${leastFree * 100} %`,
    };
  },
});
