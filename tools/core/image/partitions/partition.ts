import { appSubtypes, dataSubtypes, partitionTypes } from './types.ts';

/** One region of flash. Offsets and sizes are in bytes; the label is as found in the file. */
export interface Partition {
  readonly label: string;
  readonly type: number;
  readonly subtype: number;
  /** `app`, `data`, or the number in hex. */
  readonly typeName: string;
  /** `ota_0`, `nvs`, or the number in hex. */
  readonly subtypeName: string;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly encrypted: boolean;
  readonly readonly: boolean;
}

/** Slots that an update may be written to, `ota_0` to `ota_15`, in order. */
export function otaSlots(partitions: readonly Partition[]): Partition[] {
  const [first, last] = [appSubtypes.ota_0 ?? 0, appSubtypes.ota_15 ?? 0];
  return partitions
    .filter(
      ({ type, subtype }) => type === partitionTypes.app && subtype >= first && subtype <= last,
    )
    .sort((a, b) => a.subtype - b.subtype);
}

/** The smallest of them: an update must fit there, because any slot may be the next one. */
export function smallestOtaSlot(partitions: readonly Partition[]): Partition | undefined {
  return otaSlots(partitions).reduce<Partition | undefined>(
    (least, slot) => (least === undefined || slot.sizeBytes < least.sizeBytes ? slot : least),
    undefined,
  );
}

/** Factory and test apps: slots that no update reaches, and that anti-rollback forbids. */
export function fixedAppSlots(partitions: readonly Partition[]): Partition[] {
  const fixed: readonly (number | undefined)[] = [appSubtypes.factory, appSubtypes.test];
  return partitions.filter(
    ({ type, subtype }) => type === partitionTypes.app && fixed.includes(subtype),
  );
}

/** Where the app that is flashed by cable goes: the factory slot if there is one, else the first OTA slot. */
export function defaultBootSlot(partitions: readonly Partition[]): Partition | undefined {
  const factory = partitions.find(
    ({ type, subtype }) => type === partitionTypes.app && subtype === appSubtypes.factory,
  );
  return factory ?? otaSlots(partitions)[0];
}

/** The partition that remembers which slot is active. */
export function otadataPartition(partitions: readonly Partition[]): Partition | undefined {
  return partitions.find(
    ({ type, subtype }) => type === partitionTypes.data && subtype === dataSubtypes.ota,
  );
}

export function partitionEnd(partition: Partition): number {
  return partition.offset + partition.sizeBytes;
}
