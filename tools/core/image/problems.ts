import { displayText } from '../display-text.ts';
import type { Crc32Verdict } from './esp8266/eboot.ts';
import { hexNumber } from './finding.ts';
import type { FirmwareFile } from './firmware-file.ts';
import type { ChecksumVerdict } from './segments.ts';
import type { SignatureBlock } from './signature/block.ts';

/**
 * Everything for which a device would refuse a file or fail with it, one sentence each: findings of the
 * level error, and verdicts on checksum, hash, CRC and signatures that are not valid.
 */
export function problemsOf(file: FirmwareFile): string[] {
  const findings = file.findings
    .filter(({ severity }) => severity === 'error')
    .map(({ message }) => message);
  return [...findings, ...verdictProblems(file)];
}

/** What does not verify; structure is not repeated here. */
export function verdictProblems(file: FirmwareFile): string[] {
  switch (file.kind) {
    case 'app':
    case 'bootloader':
    case 'image':
      return [
        ...checksumProblem(file.checksum),
        ...hashProblem(file.hash.status),
        ...(file.signature?.scheme === 'secure-boot-v2'
          ? file.signature.blocks.flatMap(blockProblem)
          : []),
      ];
    case 'esp8266-v1':
      return [
        ...checksumProblem(file.checksum),
        ...hashProblem(file.hash.status),
        ...(file.app === undefined
          ? []
          : [
              ...checksumProblem(file.app.checksum, ' of the app behind eboot'),
              ...crcProblem(file.app.crc),
            ]),
      ];
    case 'esp8266-v2':
      return [...checksumProblem(file.checksum), ...crcProblem(file.crc)];
    case 'merged':
      return [file.bootloader, ...file.apps].flatMap(({ label, image }) =>
        problemsOf(image).map((problem) => `${displayText(label)}: ${problem}`),
      );
    default:
      return [];
  }
}

function checksumProblem({ status, stored = 0, computed = 0 }: ChecksumVerdict, of = ''): string[] {
  if (status !== 'invalid') return [];
  return [`the checksum${of} is ${hexNumber(stored, 2)}, the data has ${hexNumber(computed, 2)}`];
}

function hashProblem(status: string): string[] {
  return status === 'invalid' ? ['the appended SHA-256 is not that of the image'] : [];
}

function crcProblem({ status, stored = 0, computed = 0 }: Crc32Verdict): string[] {
  if (status !== 'invalid') return [];
  return [`the CRC is ${hexNumber(stored, 8)}, the file has ${hexNumber(computed, 8)}`];
}

function blockProblem(block: SignatureBlock): string[] {
  const reason =
    block.digest === 'invalid'
      ? 'signs other bytes'
      : block.crc === 'invalid'
        ? 'has a wrong CRC'
        : block.signature === 'invalid'
          ? 'does not verify with its own key'
          : undefined;
  return reason === undefined ? [] : [`signature block ${block.index} ${reason}`];
}
