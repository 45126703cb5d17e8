import { createHash } from 'node:crypto';
import { fixedText, hex, isFilledWith, startsWith, u8, u32 } from '../bytes.ts';
import { hexNumber, type ImageFinding } from '../finding.ts';
import type { Partition } from './partition.ts';
import { checkPartitions } from './rules.ts';
import { partitionSubtypeName, partitionTypeName } from './types.ts';

/** A partition table, from its binary form or from CSV. */
export interface PartitionTable {
  readonly format: 'binary' | 'csv';
  readonly partitions: readonly Partition[];
  /** The MD5 entry of the binary form. ESP8266 tables and CSV have none. */
  readonly md5: 'valid' | 'invalid' | 'absent';
  /** Whether the 32 bytes of FF stand behind the last entry. CSV needs none: `true`. */
  readonly endMarker: boolean;
  readonly findings: readonly ImageFinding[];
}

/** `esp_partition_info_t.magic`, 0x50AA. */
export const partitionMagic = [0xaa, 0x50] as const;
/** First bytes of the MD5 entry; 14 bytes of FF and the digest follow. */
const md5Magic = [0xeb, 0xeb] as const;
const entryBytes = 32;
/** 96 entries; the rest of the flash sector is left for a signature. */
export const partitionTableBytes = 0xc00;
export const partitionTableSectorBytes = 0x1000;
const knownFlags = 0b11;

export function isPartitionTable(bytes: Uint8Array, offset = 0): boolean {
  return bytes.length >= offset + entryBytes && startsWith(bytes, partitionMagic, offset);
}

/**
 * Reads the binary form at `offset`: up to 96 entries, never past them. Whatever is wrong is a finding.
 * Source: ESP-IDF `esp_flash_partitions.h`, `gen_esp32part.py`.
 */
export function parsePartitionTable(bytes: Uint8Array, offset = 0): PartitionTable {
  const table = bytes.subarray(offset, offset + partitionTableBytes);
  const partitions: Partition[] = [];
  const findings: ImageFinding[] = [];
  let md5: PartitionTable['md5'] = 'absent';
  let endMarker = false;
  for (let at = 0; at + entryBytes <= table.length; at += entryBytes) {
    const entry = table.subarray(at, at + entryBytes);
    if (isFilledWith(entry, 0xff)) {
      endMarker = true;
      break;
    }
    if (startsWith(entry, md5Magic)) {
      const computed = createHash('md5').update(table.subarray(0, at)).digest('hex');
      md5 = hex(entry.subarray(16)) === computed ? 'valid' : 'invalid';
    } else if (startsWith(entry, partitionMagic)) {
      partitions.push(parseEntry(entry));
      const flags = u32(entry, 28);
      if ((flags & ~knownFlags) !== 0) findings.push(unknownFlags(at, flags));
    } else {
      findings.push(badEntry(at, entry));
      break;
    }
  }
  if (md5 === 'invalid') findings.push(md5Mismatch);
  if (!endMarker) findings.push(noEndMarker);
  return {
    format: 'binary',
    partitions,
    md5,
    endMarker,
    findings: [...findings, ...checkPartitions(partitions)],
  };
}

function parseEntry(entry: Uint8Array): Partition {
  const type = u8(entry, 2);
  const subtype = u8(entry, 3);
  const flags = u32(entry, 28);
  return {
    label: fixedText(entry, 12, 16),
    type,
    subtype,
    typeName: partitionTypeName(type),
    subtypeName: partitionSubtypeName(type, subtype),
    offset: u32(entry, 4),
    sizeBytes: u32(entry, 8),
    encrypted: (flags & 1) !== 0,
    readonly: (flags & 2) !== 0,
  };
}

const md5Mismatch: ImageFinding = {
  code: 'partition-md5',
  severity: 'error',
  message: 'the MD5 of the partition table does not match its entries',
};
const noEndMarker: ImageFinding = {
  code: 'partition-end',
  severity: 'error',
  message: 'the partition table has no end marker (32 bytes of FF)',
};

function badEntry(at: number, entry: Uint8Array): ImageFinding {
  return {
    code: 'partition-entry',
    severity: 'error',
    message: `no partition entry at ${hexNumber(at)} of the table: it starts with ${hex(entry.subarray(0, 2))}`,
  };
}

function unknownFlags(at: number, flags: number): ImageFinding {
  return {
    code: 'partition-entry',
    severity: 'warning',
    message: `the entry at ${hexNumber(at)} of the table has unknown flags ${hexNumber(flags)}`,
  };
}
