import { quoted } from '../display-text.ts';
import { chipById } from '../image/chips.ts';
import { hexNumber } from '../image/finding.ts';
import {
  defaultBootSlot,
  fixedAppSlots,
  otadataPartition,
  otaSlots,
  type Partition,
} from '../image/partitions/partition.ts';
import { checkPartitions } from '../image/partitions/rules.ts';
import type { BuildPart, JoinedBuild } from './build-folder.ts';
import { type Disagreement, type DisagreementCode, disagreement } from './disagreement.ts';

/** Addresses and sizes that do not fit the partition table, the configuration or the flash. */
export function layoutDisagreements(build: JoinedBuild): Disagreement[] {
  const { partitionTable, config, parts } = build;
  const tablePart = parts.find(({ role }) => role === 'partition-table');
  const found = [
    ...offset('table-offset', tablePart, config?.partitionTableOffset, 'in the configuration'),
    ...bootloaderDisagreements(build),
    ...flashSizeDisagreements(build),
  ];
  if (partitionTable === undefined) return found;
  const { partitions } = partitionTable;
  const rules = checkPartitions(partitions, {
    tableOffset: build.partitionTableOffset,
    flashSizeBytes: build.flashSizeBytes,
    secureBootV1: config?.secureBoot === 'v1',
  });
  const damage = partitionTable.findings.filter(
    ({ code, severity }) => severity === 'error' && code !== 'partition-rule',
  );
  const slot = defaultBootSlot(partitions);
  const otadata = otadataPartition(partitions);
  return [
    ...found,
    ...[...damage, ...rules].map(({ message }) => disagreement('partition-rule', 'error', message)),
    ...offset('app-offset', build.app, slot?.offset, `for ${quoted(slot?.label ?? '')}`),
    ...offset('otadata-offset', build.otadata, otadata?.offset, 'in the partition table'),
    ...appSizeDisagreements(build.app, partitions),
    ...build.data.flatMap((part) => dataDisagreements(part, partitions)),
  ];
}

function offset(
  code: DisagreementCode,
  part: BuildPart | undefined,
  expected: number | undefined,
  place: string,
): Disagreement[] {
  if (part?.offset === undefined || expected === undefined || part.offset === expected) return [];
  const message = `the ${part.role} is flashed to ${hexNumber(part.offset)}, its place ${place} is ${hexNumber(expected)}`;
  return [disagreement(code, 'error', message)];
}

function bootloaderDisagreements(build: JoinedBuild): Disagreement[] {
  const { bootloader, config, partitionTableOffset } = build;
  if (bootloader?.offset === undefined) return [];
  const image = bootloader.image;
  const chip = image !== undefined && 'chip' in image ? chipById(image.chip.id) : undefined;
  const expected = config?.bootloaderOffset ?? chip?.bootloaderOffset;
  const end = bootloader.offset + (bootloader.sizeBytes ?? 0);
  return [
    ...offset('bootloader-offset', bootloader, expected, 'by chip and configuration'),
    ...(end <= partitionTableOffset
      ? []
      : [
          disagreement(
            'bootloader-size',
            'error',
            `the bootloader ends at ${hexNumber(end)}, behind the start of the partition table at ${hexNumber(partitionTableOffset)}`,
          ),
        ]),
  ];
}

/** The bootloader's header is what the device believes. */
function flashSizeDisagreements({ bootloader, flashSizeBytes }: JoinedBuild): Disagreement[] {
  const image = bootloader?.image;
  const inHeader =
    image !== undefined && 'header' in image ? image.header.flashSizeBytes : undefined;
  if (inHeader === undefined || flashSizeBytes === undefined || inHeader === flashSizeBytes) {
    return [];
  }
  const message = `the flash has ${flashSizeBytes / 1024 / 1024} MB by configuration and ${inHeader / 1024 / 1024} MB in the bootloader's header`;
  return [disagreement('flash-size', 'warning', message)];
}

/** As ESP-IDF's `check_sizes.py`: an error when the app fits nowhere, else a warning for each tight slot. */
function appSizeDisagreements(
  app: BuildPart | undefined,
  partitions: readonly Partition[],
): Disagreement[] {
  const sizeBytes = app?.sizeBytes;
  const slots = [...fixedAppSlots(partitions), ...otaSlots(partitions)];
  if (sizeBytes === undefined) return [];
  const tooSmall = slots.filter((slot) => slot.sizeBytes < sizeBytes);
  const severity = tooSmall.length === slots.length ? 'error' : 'warning';
  return tooSmall.map((slot) =>
    disagreement(
      'app-size',
      severity,
      `the app has ${sizeBytes} bytes, the slot ${quoted(slot.label)} only ${slot.sizeBytes}`,
    ),
  );
}

function dataDisagreements(part: BuildPart, partitions: readonly Partition[]): Disagreement[] {
  const { offset: at, sizeBytes = 0 } = part;
  if (at === undefined) return [];
  const place = `data file ${quoted(part.name)} at ${hexNumber(at)}`;
  const partition = partitions.find(
    (candidate) => at >= candidate.offset && at < candidate.offset + candidate.sizeBytes,
  );
  if (partition === undefined) {
    return [disagreement('data-offset', 'warning', `${place} lies in no partition`)];
  }
  const room = partition.offset + partition.sizeBytes - at;
  if (sizeBytes <= room) return [];
  const message = `${place} has ${sizeBytes} bytes, the partition ${quoted(partition.label)} only ${room}`;
  return [disagreement('data-size', 'error', message)];
}
