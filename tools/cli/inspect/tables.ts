import { displayText } from '../../core/display-text.ts';
import { hexNumber } from '../../core/image/finding.ts';
import { kindNames } from '../../core/image/firmware-file.ts';
import type { MergedImage, MergedPart } from '../../core/image/merged.ts';
import { otaSlots, smallestOtaSlot } from '../../core/image/partitions/partition.ts';
import type { PartitionTable } from '../../core/image/partitions/table.ts';
import type { Segment } from '../../core/image/segments.ts';
import { formatBytes, renderTable } from '../render.ts';
import { indent } from './facts.ts';

/** Where the segments of an image are loaded. */
export function segmentLines(segments: readonly Segment[]): string[] {
  const rows = segments.map(({ index, address, sizeBytes, fileOffset }) => [
    String(index),
    hexNumber(address, 8),
    String(sizeBytes),
    hexNumber(fileOffset),
  ]);
  if (rows.length === 0) return [];
  return ['  segments', ...indent(renderTable([['#', 'address', 'bytes', 'in file'], ...rows]), 4)];
}

/** The entries of a table, and what they mean for updates. */
export function partitionLines({ partitions, md5 }: PartitionTable): string[] {
  const rows = partitions.map((partition) => [
    displayText(partition.label),
    partition.typeName,
    partition.subtypeName,
    hexNumber(partition.offset),
    String(partition.sizeBytes),
    [partition.encrypted && 'encrypted', partition.readonly && 'readonly']
      .filter(Boolean)
      .join(' '),
  ]);
  const slots = otaSlots(partitions);
  const smallest = smallestOtaSlot(partitions);
  const head = ['label', 'type', 'subtype', 'offset', 'bytes', 'flags'];
  return [
    `  partitions (MD5 ${md5})`,
    ...indent(renderTable([head, ...rows]), 4),
    smallest === undefined
      ? '  no OTA slots'
      : `  ${slots.length} OTA slots, the smallest has ${smallest.sizeBytes} bytes (${formatBytes(smallest.sizeBytes)})`,
  ];
}

/** The parts of a merged image by their flash addresses. */
export function mergedLines(file: MergedImage): string[] {
  const part = ({ label, flashOffset, image }: MergedPart): string[] => [
    displayText(label),
    hexNumber(flashOffset),
    kindNames[image.kind],
    image.kind === 'app'
      ? displayText(`${image.descriptor.projectName} ${image.descriptor.version}`)
      : '',
  ];
  const table = ['partition table', hexNumber(file.tableOffset), '', ''];
  const rows = [part(file.bootloader), table, ...file.apps.map(part)];
  return [
    '  parts',
    ...indent(renderTable([['part', 'flash', 'is', 'holds'], ...rows]), 4),
    ...partitionLines(file.table),
  ];
}
