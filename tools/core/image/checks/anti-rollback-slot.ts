import { quoted } from '../../display-text.ts';
import { defineCheck } from '../check.ts';
import { fixedAppSlots } from '../partitions/partition.ts';

export const antiRollbackSlot = defineCheck({
  name: 'anti-rollback-slot',
  level: 'error',
  wants: 'no factory and no test slot in the table of a build with anti-rollback',
  reason: 'the app in such a slot is never updated, so sooner or later it may not boot any more',
  remedy: 'Remove the slot from partitions.csv, or switch CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK off.',
  run({ build, partitionTable }) {
    if (build?.config?.antiRollback !== true) return undefined;
    const [slot] = fixedAppSlots(partitionTable?.partitions ?? []);
    return slot && { found: `the slot ${quoted(slot.label)}`, expected: 'OTA slots only' };
  },
});
