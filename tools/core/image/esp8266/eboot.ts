import { u32 } from '../bytes.ts';
import { crc32Mpeg2 } from '../checksum.ts';
import { imageMagic, maxSegments } from '../esp/header.ts';
import { hexNumber, type ImageFinding } from '../finding.ts';
import {
  type ChecksumVerdict,
  checksumMissing,
  checksumOffset,
  type Segment,
  verifyChecksum,
  walkSegments,
} from '../segments.ts';
import {
  type Esp8266Header,
  esp8266HeaderBytes,
  isEsp8266Address,
  parseEsp8266Header,
} from './header.ts';

/** Where Arduino's linker script puts the app behind eboot. */
export const ebootAppOffset = 0x1000;
/** Total file size (u32) and CRC (u32), patched into the first segment after the checksum was made. */
const patchOffset = ebootAppOffset + 16;
const patchBytes = 8;

/** A checksum of 32 bits. `missing`: the file ends before it, or says nothing. */
export interface Crc32Verdict {
  readonly status: 'valid' | 'invalid' | 'missing';
  readonly stored: number | undefined;
  readonly computed: number | undefined;
}

export const crcMissing: Crc32Verdict = {
  status: 'missing',
  stored: undefined,
  computed: undefined,
};

/** The app image behind Arduino's eboot. */
export interface EbootApp {
  readonly fileOffset: number;
  readonly header: Esp8266Header;
  readonly segments: readonly Segment[];
  /** Without the eight bytes that were patched in after it was computed. */
  readonly checksum: ChecksumVerdict;
  /** Over the whole file; `missing` when the core wrote none. */
  readonly crc: Crc32Verdict;
  readonly imageBytes: number | undefined;
  readonly findings: readonly ImageFinding[];
}

/** The app at 0x1000, or `undefined` when nothing there looks like one. Source: Arduino core `elf2bin.py`. */
export function parseEbootApp(bytes: Uint8Array): EbootApp | undefined {
  const at = ebootAppOffset;
  const segmentsAt = at + esp8266HeaderBytes;
  if (bytes.length < segmentsAt + esp8266HeaderBytes || bytes[at] !== imageMagic) return undefined;
  const header = parseEsp8266Header(bytes, at);
  const { segmentCount } = header;
  if (segmentCount === 0 || segmentCount > maxSegments) return undefined;
  if (!isEsp8266Address(u32(bytes, segmentsAt))) return undefined;

  const walk = walkSegments(bytes, segmentsAt, segmentCount, { unaligned: true });
  const findings = walk.problem === undefined ? [] : [walk.problem];
  const app = { fileOffset: at, header, segments: walk.segments, findings };
  if (walk.end === undefined) {
    return { ...app, checksum: checksumMissing, crc: crcMissing, imageBytes: undefined };
  }
  const { checksum, crc } = verifyApp(bytes, walk.segments, walk.end);
  if (checksum.status === 'missing') {
    findings.push({
      code: 'truncated',
      severity: 'error',
      message: `truncated before the app's checksum at ${hexNumber(checksumOffset(walk.end))}`,
    });
    return { ...app, checksum, crc, imageBytes: undefined };
  }
  const expectedBytes = u32(bytes, patchOffset);
  if (crc.status !== 'missing' && expectedBytes > bytes.length) {
    findings.push({
      code: 'eboot-size',
      severity: 'error',
      message: `eboot expects ${expectedBytes} bytes, the file has ${bytes.length}`,
    });
  }
  return { ...app, checksum, crc, imageBytes: checksumOffset(walk.end) + 1 };
}

/** Cores before 2.6 patch nothing in: there the plain checksum is right and 0x1010 holds code. */
function verifyApp(bytes: Uint8Array, segments: readonly Segment[], end: number) {
  const offset = checksumOffset(end);
  const plain = verifyChecksum(bytes, segments, offset);
  const unpatched = { checksum: plain, crc: crcMissing };
  if (plain.status === 'missing' || (segments[0]?.sizeBytes ?? 0) < patchBytes) return unpatched;
  const patch = { start: patchOffset, end: patchOffset + patchBytes };
  const checksum = verifyChecksum(bytes, segments, offset, patch);
  const patched =
    u32(bytes, patchOffset) === bytes.length ||
    (plain.status === 'invalid' && checksum.status === 'valid');
  return patched ? { checksum, crc: verifyCrc(bytes) } : unpatched;
}

/** CRC-32/MPEG-2 of the file, up to the size that eboot expects, with size and CRC field taken as zero. */
function verifyCrc(bytes: Uint8Array): Crc32Verdict {
  const stored = u32(bytes, patchOffset + 4);
  const head = crc32Mpeg2(bytes.subarray(0, patchOffset));
  const patch = crc32Mpeg2(new Uint8Array(patchBytes), head);
  const expectedBytes = u32(bytes, patchOffset);
  const computed = crc32Mpeg2(bytes.subarray(patchOffset + patchBytes, expectedBytes), patch);
  return { status: stored === computed ? 'valid' : 'invalid', stored, computed };
}
