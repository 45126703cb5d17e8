import { type BootImage, parseBootImage } from './boot-image.ts';
import { chipById, chips } from './chips.ts';
import { imageMagic } from './esp/header.ts';
import type { ImageFinding } from './finding.ts';
import { type Partition, partitionEnd } from './partitions/partition.ts';
import { isPartitionTable, type PartitionTable, parsePartitionTable } from './partitions/table.ts';
import { partitionTypes } from './partitions/types.ts';

/** An image that lies somewhere in a merged file. */
export interface MergedPart {
  /** Label of the partition, or `bootloader`. */
  readonly label: string;
  readonly flashOffset: number;
  readonly fileOffset: number;
  readonly image: BootImage;
}

/** Bootloader, partition table and apps in one file, for the first flashing by cable. Not an update. */
export interface MergedImage {
  readonly kind: 'merged';
  readonly sizeBytes: number;
  /** Flash address of the first byte of the file (`--target-offset`). */
  readonly flashOffset: number;
  readonly bootloader: MergedPart;
  /** Flash address of the partition table. */
  readonly tableOffset: number;
  readonly table: PartitionTable;
  readonly apps: readonly MergedPart[];
  readonly findings: readonly ImageFinding[];
}

const sectorBytes = 0x1000;
/** The table's place is configurable; nobody puts it further back. */
const lastTableOffset = 0x20000;
const bootloaderOffsets = [
  ...new Set(chips.map(({ bootloaderOffset }) => bootloaderOffset)),
].sort();

/**
 * Reads bytes as a merged image: a bootloader at one of the places where a boot ROM looks for it, and a
 * partition table in a sector behind it. Every app is read inside its own partition, so that hostile
 * tables cannot make the reader pass over the same bytes twice.
 */
export function parseMergedImage(bytes: Uint8Array): MergedImage | undefined {
  for (const start of bootloaderOffsets) {
    const tableAt = bytes[start] === imageMagic ? findTable(bytes, start) : undefined;
    if (tableAt === undefined) continue;
    const image = parseBootImage(bytes.subarray(start, tableAt));
    const isBootloader = image?.kind !== 'app' && image?.imageBytes !== undefined;
    if (isBootloader) return readParts(bytes, start, image, tableAt);
  }
  return undefined;
}

function readParts(
  bytes: Uint8Array,
  start: number,
  image: BootImage,
  tableAt: number,
): MergedImage {
  const flashOffset = Math.max(0, (bootloaderOffsetOf(image) ?? start) - start);
  const table = parsePartitionTable(bytes, tableAt);
  const apps = appPartitions(table.partitions).flatMap((partition) => {
    const fileOffset = partition.offset - flashOffset;
    if (fileOffset <= tableAt || bytes[fileOffset] !== imageMagic) return [];
    const app = parseBootImage(bytes.subarray(fileOffset, partitionEnd(partition) - flashOffset));
    if (app === undefined) return [];
    return [{ label: partition.label, flashOffset: partition.offset, fileOffset, image: app }];
  });
  return {
    kind: 'merged',
    sizeBytes: bytes.length,
    flashOffset,
    bootloader: {
      label: 'bootloader',
      flashOffset: start + flashOffset,
      fileOffset: start,
      image,
    },
    tableOffset: tableAt + flashOffset,
    table,
    apps,
    findings: table.findings,
  };
}

/** A table with a sound first entry, at the start of a sector behind the bootloader. */
function findTable(bytes: Uint8Array, bootloaderAt: number): number | undefined {
  for (let at = bootloaderAt + sectorBytes; at <= lastTableOffset; at += sectorBytes) {
    if (isPartitionTable(bytes, at) && parsePartitionTable(bytes, at).endMarker) return at;
  }
  return undefined;
}

/**
 * Where the boot ROM of the image's chip looks for it. A file made with `--target-offset` begins later than
 * flash does, and this tells by how much; of an unknown chip nothing is known.
 */
function bootloaderOffsetOf(image: BootImage): number | undefined {
  return image.kind === 'esp8266-v1' ? 0 : chipById(image.chip.id)?.bootloaderOffset;
}

/** App partitions that overlap no other, in order. */
function appPartitions(partitions: readonly Partition[]): Partition[] {
  let end = 0;
  return partitions
    .filter(({ type }) => type === partitionTypes.app)
    .sort((a, b) => a.offset - b.offset)
    .filter((partition) => {
      if (partition.offset < end) return false;
      end = partitionEnd(partition);
      return true;
    });
}
