import { quoted } from '../../display-text.ts';
import { hexNumber, type ImageFinding } from '../finding.ts';
import { type Partition, partitionEnd } from './partition.ts';
import { dataSubtypes, partitionTypes } from './types.ts';

/** What is known of the flash around a table; rules that need an unknown fact are left out. */
export interface FlashFacts {
  /** CONFIG_PARTITION_TABLE_OFFSET: everything but bootloader and table lies behind it. */
  readonly tableOffset?: number | undefined;
  readonly flashSizeBytes?: number | undefined;
  /** Secure Boot V1 wants app slots in steps of 64 KiB. */
  readonly secureBootV1?: boolean;
}

const appAlignment = 0x10000;
const sectorBytes = 0x1000;
const otadataBytes = 0x2000;
const nvsLeastBytes = 0x3000;
/** 0xC00 bytes hold 96 entries; one of them is the end marker. */
const maxPartitions = 95;

/** The rules by which ESP-IDF accepts a table (`gen_esp32part.py`); one finding for each break. */
export function checkPartitions(
  partitions: readonly Partition[],
  flash: FlashFacts = {},
): ImageFinding[] {
  return [
    ...partitions.flatMap((partition) => partitionProblems(partition, flash)),
    ...duplicateNames(partitions),
    ...overlaps(partitions),
    ...otadataProblems(partitions, dataSubtypes.ota, 'otadata'),
    ...otadataProblems(partitions, dataSubtypes.tee_ota, 'TEE otadata'),
    ...(partitions.length > maxPartitions
      ? [`there are ${partitions.length} partitions; a table holds ${maxPartitions}`]
      : []),
  ].map((message) => ({ code: 'partition-rule', severity: 'error', message }));
}

function partitionProblems(partition: Partition, flash: FlashFacts): string[] {
  const { label, type, subtype, offset, sizeBytes } = partition;
  const isApp = type === partitionTypes.app;
  const isData = type === partitionTypes.data;
  const problems: string[] = [];
  const rule = (broken: boolean, message: string): void => {
    if (broken) problems.push(`partition ${quoted(label)} ${message}`);
  };

  const step = isApp ? appAlignment : sectorBytes;
  rule(
    offset % step !== 0,
    `starts at ${hexNumber(offset)}, which is not a multiple of ${hexNumber(step)}`,
  );
  const sizeStep = flash.secureBootV1 === true ? appAlignment : sectorBytes;
  rule(
    isApp && sizeBytes % sizeStep !== 0,
    `has ${hexNumber(sizeBytes)} bytes, which is not a multiple of ${hexNumber(sizeStep)}`,
  );
  const { tableOffset, flashSizeBytes } = flash;
  const isPrimary =
    subtype === 0 &&
    (type === partitionTypes.bootloader || type === partitionTypes.partition_table);
  rule(
    tableOffset !== undefined && !isPrimary && offset < tableOffset + sectorBytes,
    `starts at ${hexNumber(offset)}, inside or before the partition table at ${hexNumber(tableOffset ?? 0)}`,
  );
  rule(
    flashSizeBytes !== undefined && partitionEnd(partition) > flashSizeBytes,
    `ends at ${hexNumber(partitionEnd(partition))}, behind the flash of ${hexNumber(flashSizeBytes ?? 0)} bytes`,
  );
  rule(
    isData && subtype === dataSubtypes.nvs && sizeBytes < nvsLeastBytes && !partition.readonly,
    `is a writable NVS of ${hexNumber(sizeBytes)} bytes; it needs ${hexNumber(nvsLeastBytes)}`,
  );
  const alwaysWritten = subtype === dataSubtypes.ota || subtype === dataSubtypes.coredump;
  rule(isData && alwaysWritten && partition.readonly, 'is read-only, but the device writes to it');
  return problems;
}

function duplicateNames(partitions: readonly Partition[]): string[] {
  const seen = new Set<string>();
  return partitions
    .filter(({ label }) => seen.has(label) || !seen.add(label))
    .map(({ label }) => `more than one partition is called ${quoted(label)}`);
}

function overlaps(partitions: readonly Partition[]): string[] {
  const problems: string[] = [];
  let furthest: Partition | undefined;
  for (const partition of [...partitions].sort((a, b) => a.offset - b.offset)) {
    if (furthest !== undefined && partition.offset < partitionEnd(furthest)) {
      problems.push(
        `partition ${quoted(partition.label)} at ${hexNumber(partition.offset)} overlaps ${quoted(furthest.label)}, which ends at ${hexNumber(partitionEnd(furthest))}`,
      );
    }
    if (furthest === undefined || partitionEnd(partition) > partitionEnd(furthest)) {
      furthest = partition;
    }
  }
  return problems;
}

function otadataProblems(
  partitions: readonly Partition[],
  subtype: number,
  name: string,
): string[] {
  const found = partitions.filter(
    (partition) => partition.type === partitionTypes.data && partition.subtype === subtype,
  );
  const problems = found
    .filter(({ sizeBytes }) => sizeBytes !== otadataBytes)
    .map(
      ({ label, sizeBytes }) =>
        `${name} partition ${quoted(label)} has ${hexNumber(sizeBytes)} bytes, must have ${hexNumber(otadataBytes)}`,
    );
  return found.length > 1
    ? [`there are ${found.length} ${name} partitions`, ...problems]
    : problems;
}
