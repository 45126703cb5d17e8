import { u32 } from './bytes.ts';
import { checksumSeed, xorBytes } from './checksum.ts';
import { hexNumber, type ImageFinding } from './finding.ts';

export const segmentHeaderBytes = 8;
/** Longer segments are refused by the bootloaders of all chips but the newest. */
const segmentLimitBytes = 0x1000000;

/** One segment: where it is loaded, and where its data lies in the file. */
export interface Segment {
  readonly index: number;
  readonly address: number;
  /** Of the data, behind the segment's own header. */
  readonly fileOffset: number;
  readonly sizeBytes: number;
}

export interface SegmentWalk {
  readonly segments: readonly Segment[];
  /** Behind the last segment; `undefined` when a segment is broken or cut off. */
  readonly end: number | undefined;
  readonly problem: ImageFinding | undefined;
}

/**
 * Walks the segment headers from `offset`. No length is trusted: a segment that reaches past the end of
 * the file ends the walk. ESP8266 images may hold lengths that are not multiples of 4 (`unaligned`).
 */
export function walkSegments(
  bytes: Uint8Array,
  offset: number,
  count: number,
  options: { unaligned?: boolean } = {},
): SegmentWalk {
  const segments: Segment[] = [];
  let position = offset;
  const stop = (code: ImageFinding['code'], message: string): SegmentWalk => ({
    segments,
    end: undefined,
    problem: { code, severity: 'error', message },
  });
  for (let index = 0; index < count; index += 1) {
    const fileOffset = position + segmentHeaderBytes;
    if (fileOffset > bytes.length) {
      return stop(
        'truncated',
        `truncated before segment ${index}: its header at ${hexNumber(position)} is not in the file of ${bytes.length} bytes`,
      );
    }
    const address = u32(bytes, position);
    const sizeBytes = u32(bytes, position + 4);
    const missing = fileOffset + sizeBytes - bytes.length;
    const broken =
      options.unaligned === true ? false : sizeBytes % 4 !== 0 || sizeBytes >= segmentLimitBytes;
    if (broken && (missing > 0 || sizeBytes % 4 !== 0)) {
      return stop(
        'segment-length',
        `bad length ${hexNumber(sizeBytes)} of segment ${index} at ${hexNumber(position)}`,
      );
    }
    if (missing > 0) {
      return stop(
        'truncated',
        `truncated in segment ${index}: ${missing} of its ${sizeBytes} bytes are missing`,
      );
    }
    segments.push({ index, address, fileOffset, sizeBytes });
    position = fileOffset + sizeBytes;
  }
  return { segments, end: position, problem: undefined };
}

/** What the one-byte checksum says. `missing`: the file ends before it. */
export interface ChecksumVerdict {
  readonly status: 'valid' | 'invalid' | 'missing';
  readonly stored: number | undefined;
  readonly computed: number | undefined;
}

export const checksumMissing: ChecksumVerdict = {
  status: 'missing',
  stored: undefined,
  computed: undefined,
};

/** The checksum is the last byte of the block of 16 bytes that holds the end of the last segment. */
export function checksumOffset(segmentsEnd: number): number {
  return segmentsEnd + 15 - (segmentsEnd % 16);
}

/** Compares the stored checksum with the XOR of all segment data; `excluded` was patched in later. */
export function verifyChecksum(
  bytes: Uint8Array,
  segments: readonly Segment[],
  offset: number,
  excluded?: { start: number; end: number },
): ChecksumVerdict {
  const stored = bytes[offset];
  if (stored === undefined) return checksumMissing;
  let computed = checksumSeed;
  for (const { fileOffset, sizeBytes } of segments) {
    computed = xorBytes(bytes, fileOffset, fileOffset + sizeBytes, computed);
  }
  // XOR undoes itself: taking the excluded bytes in again leaves them out.
  if (excluded !== undefined) computed = xorBytes(bytes, excluded.start, excluded.end, computed);
  return { status: stored === computed ? 'valid' : 'invalid', stored, computed };
}
