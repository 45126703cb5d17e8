import { createHash } from 'node:crypto';
import { mergeImages } from '../../tools/core/image/building/merge-images.ts';
import { crc32 } from '../../tools/core/image/checksum.ts';
import { filled, joined, sampleApp, sampleBootloader } from './esp-images.ts';

/** One row of a partition table, by numbers. */
export interface Row {
  readonly label: string;
  readonly type: number;
  readonly subtype: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly flags?: number;
}

/** Two OTA slots of 1 MiB, as most products have them. */
export const twoSlots: readonly Row[] = [
  { label: 'nvs', type: 1, subtype: 2, offset: 0x9000, sizeBytes: 0x4000 },
  { label: 'otadata', type: 1, subtype: 0, offset: 0xd000, sizeBytes: 0x2000 },
  { label: 'phy_init', type: 1, subtype: 1, offset: 0xf000, sizeBytes: 0x1000 },
  { label: 'ota_0', type: 0, subtype: 0x10, offset: 0x10000, sizeBytes: 0x100000 },
  { label: 'ota_1', type: 0, subtype: 0x11, offset: 0x110000, sizeBytes: 0x100000 },
];

export const factorySlot: Row = {
  label: 'factory',
  type: 0,
  subtype: 0,
  offset: 0x210000,
  sizeBytes: 0x100000,
};

/** The binary form: entries, MD5, end marker, padding to 0xC00. */
export function partitionTable(
  rows: readonly Row[] = twoSlots,
  options: { md5?: boolean; end?: boolean } = {},
): Uint8Array {
  const entries = joined(...rows.map(partitionEntry));
  const digest = createHash('md5').update(entries).digest();
  const md5 = options.md5 === false ? [] : [Buffer.from([0xeb, 0xeb]), filled(14, 0xff), digest];
  const table = joined(entries, ...md5);
  return options.end === false ? table : joined(table, filled(0xc00 - table.length, 0xff));
}

function partitionEntry(row: Row): Uint8Array {
  const entry = Buffer.alloc(32);
  entry.set([0xaa, 0x50, row.type, row.subtype]);
  entry.writeUInt32LE(row.offset, 4);
  entry.writeUInt32LE(row.sizeBytes, 8);
  entry.write(row.label, 12, 16, 'utf8');
  entry.writeUInt32LE(row.flags ?? 0, 28);
  return entry;
}

/** Two sectors; `sequences` gives the records that are written, the others stay blank. */
export function otadata(sequences: readonly (number | undefined)[], state = 2): Uint8Array {
  const file = Buffer.alloc(0x2000, 0xff);
  sequences.forEach((sequence, sector) => {
    if (sequence === undefined) return;
    const at = sector * 0x1000;
    file.writeUInt32LE(sequence, at);
    file.writeUInt32LE(state, at + 24);
    file.writeUInt32LE(crc32(file.subarray(at, at + 4), 0xffffffff), at + 28);
  });
  return Uint8Array.from(file);
}

/** A factory image for a chip whose bootloader lies at `bootloaderOffset`. */
export function mergedFile(chip = 'esp32c3', bootloaderOffset = 0): Uint8Array {
  return mergeImages([
    { offset: bootloaderOffset, bytes: sampleBootloader({ chip }) },
    { offset: 0x8000, bytes: partitionTable() },
    { offset: 0xd000, bytes: otadata([]) },
    { offset: 0x10000, bytes: sampleApp({ chip }) },
  ]);
}
