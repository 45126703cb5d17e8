import { hex, isFilledWith, startsWith } from '../bytes.ts';
import { imageMagic, maxSegments } from '../esp/header.ts';
import type { ImageFinding } from '../finding.ts';

/** No bytes at all. */
export interface EmptyFile {
  readonly kind: 'empty';
  readonly sizeBytes: 0;
  readonly findings: readonly [];
}

/** None of the kinds that we know. */
export interface UnknownFile {
  readonly kind: 'unknown';
  readonly sizeBytes: number;
  /** What the first bytes suggest. */
  readonly resembles: 'image' | 'blank-flash' | 'gzip' | 'zip' | 'xz' | 'zstd' | 'text' | undefined;
  /** The first 16 bytes, lowercase hex. */
  readonly start: string;
  readonly findings: readonly ImageFinding[];
}

const magics = [
  ['gzip', [0x1f, 0x8b]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
] as const;

/** A file with one of the well-known magics: it is not ours, and its entropy says nothing. */
export function parseKnownContainer(bytes: Uint8Array): UnknownFile | undefined {
  const found = magics.find(([, magic]) => startsWith(bytes, magic));
  return found && unknown(bytes, found[0]);
}

/** The last word on a file that nothing else understood. */
export function describeUnknown(bytes: Uint8Array): UnknownFile {
  if (bytes[0] === imageMagic) return unknown(bytes, 'image', [imageProblem(bytes)]);
  if (isFilledWith(bytes, 0xff)) return unknown(bytes, 'blank-flash');
  return unknown(bytes, isText(bytes) ? 'text' : undefined);
}

/** Whether a file is text as people write it: no control characters but tabs and line ends. */
export function isText(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 0x10000).every((byte) => byte >= 0x20 || (byte >= 9 && byte <= 13));
}

function imageProblem(bytes: Uint8Array): ImageFinding {
  const count = bytes[1];
  if (count !== undefined && (count === 0 || count > maxSegments)) {
    const message = `segment count ${count} is not between 1 and ${maxSegments}`;
    return { code: 'segment-count', severity: 'error', message };
  }
  const message =
    bytes.length < 24
      ? `truncated in the header: ${bytes.length} of 24 bytes are there`
      : 'starts like an image (0xE9), but nothing behind that fits';
  return { code: 'truncated', severity: 'error', message };
}

function unknown(
  bytes: Uint8Array,
  resembles: UnknownFile['resembles'],
  findings: readonly ImageFinding[] = [],
): UnknownFile {
  const start = hex(bytes.subarray(0, 16));
  return { kind: 'unknown', sizeBytes: bytes.length, resembles, start, findings };
}
