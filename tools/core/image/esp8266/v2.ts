import { startsWith, u32 } from '../bytes.ts';
import { crc32 } from '../checksum.ts';
import { imageMagic, maxSegments } from '../esp/header.ts';
import { hexNumber, type ImageFinding } from '../finding.ts';
import {
  type ChecksumVerdict,
  checksumMissing,
  checksumOffset,
  type Segment,
  segmentHeaderBytes,
  verifyChecksum,
  walkSegments,
} from '../segments.ts';
import { type TrailingBytes, trailingFrom } from '../trailing.ts';
import { type Crc32Verdict, crcMissing } from './eboot.ts';
import { type Esp8266Header, esp8266HeaderBytes, parseEsp8266Header } from './header.ts';

/** `ESP_IMAGE_HEADER_MAGIC` of the SDK's own boot loader, and its constant second byte. */
export const v2Magic = [0xea, 0x04] as const;

/** An OTA app of the NONOS SDK (`user1.bin`, `user2.bin`): code for flash first, then a V1 image, then a CRC. */
export interface Esp8266V2Image {
  readonly kind: 'esp8266-v2';
  readonly sizeBytes: number;
  /** Code that runs from flash; it is not part of the checksum. */
  readonly irom: { readonly fileOffset: number; readonly sizeBytes: number };
  readonly header: Esp8266Header;
  readonly segments: readonly Segment[];
  readonly checksum: ChecksumVerdict;
  readonly crc: Crc32Verdict;
  readonly imageBytes: number | undefined;
  readonly trailing: TrailingBytes | undefined;
  readonly findings: readonly ImageFinding[];
}

const crcBytes = 4;

/** Reads bytes as a V2 image; `undefined` when the magic rules that out. Source: esptool `bin_image.py`. */
export function parseEsp8266V2(bytes: Uint8Array): Esp8266V2Image | undefined {
  const iromAt = esp8266HeaderBytes + segmentHeaderBytes;
  if (bytes.length < iromAt || !startsWith(bytes, v2Magic) || u32(bytes, 8) !== 0) return undefined;
  const irom = { fileOffset: iromAt, sizeBytes: u32(bytes, 12) };
  const at = irom.fileOffset + irom.sizeBytes;
  const outer = parseEsp8266Header(bytes, 0);
  const base = { kind: 'esp8266-v2' as const, sizeBytes: bytes.length, irom };
  const broken = (header: Esp8266Header, segments: readonly Segment[], problem: ImageFinding) => ({
    ...base,
    header,
    segments,
    checksum: checksumMissing,
    crc: crcMissing,
    imageBytes: undefined,
    trailing: undefined,
    findings: [problem],
  });
  if (at + esp8266HeaderBytes > bytes.length) {
    return broken(outer, [], error('truncated', 'truncated in the code for flash'));
  }
  const header = parseEsp8266Header(bytes, at);
  if (bytes[at] !== imageMagic || header.segmentCount > maxSegments) {
    const message = `no V1 image at ${hexNumber(at)}, behind the code for flash`;
    return broken(outer, [], error('segment-count', message));
  }
  const walk = walkSegments(bytes, at + esp8266HeaderBytes, header.segmentCount);
  if (walk.end === undefined) {
    const problem = walk.problem ?? error('truncated', 'truncated');
    return broken(header, walk.segments, problem);
  }
  return { ...base, header, segments: walk.segments, ...readEnd(bytes, walk.segments, walk.end) };
}

/** Checksum, then four bytes of CRC over everything before them. */
function readEnd(bytes: Uint8Array, segments: readonly Segment[], segmentsEnd: number) {
  const checksum = verifyChecksum(bytes, segments, checksumOffset(segmentsEnd));
  const crcAt = checksumOffset(segmentsEnd) + 1;
  const cut = { checksum, crc: crcMissing, imageBytes: undefined, trailing: undefined };
  if (crcAt + crcBytes > bytes.length) {
    const place = checksum.status === 'missing' ? 'the checksum' : 'the CRC';
    return { ...cut, findings: [error('truncated', `truncated before the end of ${place}`)] };
  }
  const stored = u32(bytes, crcAt);
  const computed = sdkCrc(bytes.subarray(0, crcAt));
  return {
    checksum,
    crc: {
      status: stored === computed ? ('valid' as const) : ('invalid' as const),
      stored,
      computed,
    },
    imageBytes: crcAt + crcBytes,
    trailing: trailingFrom(bytes, crcAt + crcBytes),
    findings: [],
  };
}

/** The SDK's own twist on CRC-32: inverted when the top bit is set, else one more. */
function sdkCrc(bytes: Uint8Array): number {
  const crc = crc32(bytes);
  return crc & 0x80000000 ? ~crc >>> 0 : crc + 1;
}

function error(code: ImageFinding['code'], message: string): ImageFinding {
  return { code, severity: 'error', message };
}
