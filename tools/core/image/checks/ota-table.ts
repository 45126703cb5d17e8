import { defineCheck } from '../check.ts';
import { otadataPartition, otaSlots } from '../partitions/partition.ts';

export const otaTable = defineCheck({
  name: 'ota-table',
  level: 'error',
  wants: 'a partition table with two OTA slots and otadata',
  reason: 'a device with such a table cannot take an update, or has nothing to fall back to',
  remedy: 'Choose a partition table with two OTA slots (CONFIG_PARTITION_TABLE_TWO_OTA).',
  run({ partitionTable }) {
    if (partitionTable === undefined) return undefined;
    const slots = otaSlots(partitionTable.partitions).length;
    const otadata = otadataPartition(partitionTable.partitions) !== undefined;
    if (slots >= 2 && otadata) return undefined;
    const count = `${slots} OTA slot${slots === 1 ? '' : 's'}`;
    return {
      found: `${count} and ${otadata ? 'otadata' : 'no otadata'}`,
      expected: 'two OTA slots and otadata',
    };
  },
});
