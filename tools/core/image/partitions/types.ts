import { hexNumber } from '../finding.ts';

/** Types and subtypes of partitions. Source: ESP-IDF `gen_esp32part.py`, `esp_partition.h`. */

export const partitionTypes = { app: 0, data: 1, bootloader: 2, partition_table: 3 } as const;

const otaSlots = Object.fromEntries(
  Array.from({ length: 16 }, (_, slot) => [`ota_${slot}`, 0x10 + slot]),
);

export const appSubtypes: Readonly<Record<string, number>> = {
  factory: 0x00,
  ...otaSlots,
  test: 0x20,
  tee_0: 0x30,
  tee_1: 0x31,
};

export const dataSubtypes = {
  ota: 0x00,
  phy: 0x01,
  nvs: 0x02,
  coredump: 0x03,
  nvs_keys: 0x04,
  efuse: 0x05,
  undefined: 0x06,
  esphttpd: 0x80,
  fat: 0x81,
  spiffs: 0x82,
  littlefs: 0x83,
  tee_ota: 0x90,
} as const;

/** Names of subtypes, by type. */
export const subtypesByType: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  [partitionTypes.app]: appSubtypes,
  [partitionTypes.data]: dataSubtypes,
  [partitionTypes.bootloader]: { primary: 0, ota: 1, recovery: 2 },
  [partitionTypes.partition_table]: { primary: 0, ota: 1 },
};

/** `app`, `data`, ..., or the number of a type that the application defines. */
export function partitionTypeName(type: number): string {
  return nameOf(partitionTypes, type) ?? hexNumber(type, 2);
}

/** `ota_0`, `nvs`, ..., or the number. */
export function partitionSubtypeName(type: number, subtype: number): string {
  return nameOf(subtypesByType[type] ?? {}, subtype) ?? hexNumber(subtype, 2);
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.keys(names).find((name) => names[name] === value);
}
