import { parseBootImage } from './boot-image.ts';
import { parseEsp8266V2 } from './esp8266/v2.ts';
import type { FirmwareFile, PartitionTableFile } from './firmware-file.ts';
import { parseDeltaContainer, parseDetoolsPatch } from './foreign/delta-patch.ts';
import { parseElf } from './foreign/elf.ts';
import { suspectEncrypted } from './foreign/encrypted.ts';
import { describeUnknown, isText, parseKnownContainer } from './foreign/unknown.ts';
import { parseMergedImage } from './merged.ts';
import { parseOtadata } from './partitions/otadata.ts';
import { isPartitionTable, type PartitionTable, parsePartitionTable } from './partitions/table.ts';
import { parsePartitionCsv } from './partitions/table-csv.ts';

/**
 * All readers, surest first. The order matters: a merged image of a chip that boots from offset 0 begins
 * with a valid bootloader image, and entropy is asked last.
 */
const readers: readonly ((bytes: Uint8Array) => FirmwareFile | undefined)[] = [
  parseElf,
  parsePartitionTableFile,
  parseDeltaContainer,
  parseMergedImage,
  parseBootImage,
  parseEsp8266V2,
  parseOtadata,
  parseDetoolsPatch,
  parseCsvFile,
  parseKnownContainer,
  suspectEncrypted,
];

/**
 * Says what a file is and what is wrong with it. Never throws, whatever the bytes are; work and memory
 * are bounded by a small multiple of their number.
 */
export function parseImage(bytes: Uint8Array): FirmwareFile {
  if (bytes.length === 0) return { kind: 'empty', sizeBytes: 0, findings: [] };
  for (const read of readers) {
    const file = read(bytes);
    if (file !== undefined) return file;
  }
  return describeUnknown(bytes);
}

function parsePartitionTableFile(bytes: Uint8Array): PartitionTableFile | undefined {
  return isPartitionTable(bytes) ? fromTable(bytes, parsePartitionTable(bytes)) : undefined;
}

/** Longer texts are no partition table. */
const maxCsvBytes = 0x10000;

function parseCsvFile(bytes: Uint8Array): PartitionTableFile | undefined {
  if (bytes.length > maxCsvBytes || !isText(bytes) || !bytes.includes(0x2c)) return undefined;
  const table = parsePartitionCsv(Buffer.from(bytes).toString('utf8'));
  return table.partitions.length > 0 ? fromTable(bytes, table) : undefined;
}

function fromTable(bytes: Uint8Array, table: PartitionTable): PartitionTableFile {
  const { findings } = table;
  return { kind: 'partition-table', sizeBytes: bytes.length, table, findings };
}
