import { displayText } from '../../core/display-text.ts';
import { chipDisplayName } from '../../core/image/chips.ts';
import type { EspImage } from '../../core/image/esp/esp-image.ts';
import { formatChipRevision } from '../../core/image/esp/header.ts';
import type { Esp8266Header } from '../../core/image/esp8266/header.ts';
import { hexNumber } from '../../core/image/finding.ts';
import type { FirmwareFile } from '../../core/image/firmware-file.ts';
import { formatBytes } from '../render.ts';
import { type Fact, factLines } from './facts.ts';
import { mergedLines, partitionLines, segmentLines } from './tables.ts';

/** Everything that is known of a file, line by line. `sha256` is that of the whole file. */
export function fileLines(file: FirmwareFile, sha256: string | undefined): string[] {
  const size: Fact = ['size', `${file.sizeBytes} bytes (${formatBytes(file.sizeBytes)})`];
  const remarks = file.findings
    .filter(({ severity }) => severity !== 'error')
    .map(({ severity, message }) => `${severity === 'info' ? 'note' : 'warning'}: ${message}`);
  return [
    ...factLines([...kindFacts(file), size, ['SHA-256', sha256]]),
    ...('segments' in file ? segmentLines(file.segments) : []),
    ...(file.kind === 'partition-table' ? partitionLines(file.table) : []),
    ...(file.kind === 'merged' ? mergedLines(file) : []),
    ...remarks,
  ];
}

function kindFacts(file: FirmwareFile): Fact[] {
  switch (file.kind) {
    case 'app':
      return [...chipFacts(file), ...appFacts(file), ...espFacts(file)];
    case 'bootloader':
      return [
        ...chipFacts(file),
        ['version', String(file.descriptor.version)],
        ['ESP-IDF', displayText(file.descriptor.idfVersion)],
        ['built', file.descriptor.builtAt ?? displayText(file.descriptor.dateTime)],
        ['secure version', String(file.descriptor.secureVersion)],
        ...espFacts(file),
      ];
    case 'image':
      return [...chipFacts(file), ...espFacts(file)];
    case 'esp8266-v1':
      return [
        ['chip', 'ESP8266'],
        ['layout', file.layout],
        ['flash', flashFact(file.header)],
        ['checksum', file.checksum.status],
        ['hash', file.hash.status],
        ["app's checksum", file.app?.checksum.status],
        ["app's CRC", file.app?.crc.status],
        ['trailing', trailingFact(file)],
      ];
    case 'esp8266-v2':
      return [
        ['chip', 'ESP8266'],
        ['flash', flashFact(file.header)],
        ['checksum', file.checksum.status],
        ['CRC', file.crc.status],
        ['trailing', trailingFact(file)],
      ];
    default:
      return otherFacts(file);
  }
}

function otherFacts(file: FirmwareFile): Fact[] {
  switch (file.kind) {
    case 'elf':
      return [['machine', file.machine]];
    case 'delta-patch':
      return [
        ['container', file.container],
        ['patch', [file.patchType, file.compression].filter(Boolean).join(', ') || 'unknown'],
        ['makes', file.targetBytes === undefined ? undefined : `${file.targetBytes} bytes`],
        ['base hash', file.baseValidationHash],
      ];
    case 'otadata':
      return file.records.length === 0
        ? [['records', 'none: blank']]
        : file.records.map(({ sector, sequence, state, crc }) => [
            `sector ${sector}`,
            `sequence ${sequence}, ${state}, CRC ${crc}`,
          ]);
    case 'encrypted':
      return [['entropy', `${file.entropyBits.toFixed(3)} bits for each byte`]];
    case 'unknown':
      return [
        ['resembles', file.resembles],
        ['starts with', file.start],
      ];
    default:
      return [];
  }
}

function chipFacts({ chip, header }: EspImage): Fact[] {
  const name = chip.name === undefined ? 'unknown' : chipDisplayName(chip.name);
  const { minChipRevision: least, maxChipRevision: most } = header;
  const limit = most === 0 || most === 0xffff ? 'or newer' : `to ${formatChipRevision(most)}`;
  return [
    ['chip', `${name} (id ${hexNumber(chip.id)}), revision ${formatChipRevision(least)} ${limit}`],
  ];
}

function appFacts({ descriptor }: FirmwareFile & { kind: 'app' }): Fact[] {
  const { date, time, builtAt } = descriptor;
  return [
    ['project', displayText(descriptor.projectName)],
    [
      'version',
      descriptor.placeholder
        ? `${displayText(descriptor.version)} (of the Arduino core, not of the firmware)`
        : displayText(descriptor.version),
    ],
    ['ESP-IDF', displayText(descriptor.idfVersion)],
    ['built', builtAt ?? (displayText(`${date} ${time}`.trim()) || 'unknown')],
    ['secure version', String(descriptor.secureVersion)],
    ['ELF SHA-256', descriptor.elfSha256],
  ];
}

function espFacts(image: EspImage): Fact[] {
  const { checksum, hash, signature } = image;
  return [
    ['flash', flashFact(image.header)],
    ['checksum', checksum.status],
    ['hash', hash.stored === undefined ? hash.status : `${hash.status} (${hash.stored})`],
    ['signature', signature === undefined ? 'none' : undefined],
    ...(signature?.scheme === 'secure-boot-v1'
      ? [['signature', `Secure Boot V1 at ${hexNumber(signature.fileOffset)}`] as const]
      : []),
    ...(signature?.scheme === 'secure-boot-v2'
      ? signature.blocks.map(
          ({ index, algorithm, digest, crc, signature: verdict, keyDigest }): Fact => [
            `signature ${index}`,
            `${algorithm}: digest ${digest}, CRC ${crc}, signature ${verdict}; key ${keyDigest}`,
          ],
        )
      : []),
    ['trailing', trailingFact(image)],
  ];
}

function flashFact(header: Omit<Esp8266Header, 'segmentCount'>): string {
  const { flashSizeBytes, flashMode, flashFrequencyMhz } = header;
  return [
    flashSizeBytes === undefined ? 'unknown size' : formatBytes(flashSizeBytes),
    flashMode?.toUpperCase() ?? 'unknown mode',
    flashFrequencyMhz === undefined ? 'unknown frequency' : `${flashFrequencyMhz} MHz`,
  ].join(', ');
}

function trailingFact({ trailing }: Pick<EspImage, 'trailing'>): string | undefined {
  return (
    trailing &&
    `${trailing.sizeBytes} bytes of ${trailing.content} at ${hexNumber(trailing.fileOffset)}`
  );
}
