import { type HashVerdict, hashAbsent, hashBytes, verifyHash } from '../appended-hash.ts';
import { chipById } from '../chips.ts';
import { hexNumber, type ImageFinding } from '../finding.ts';
import {
  type ChecksumVerdict,
  checksumMissing,
  checksumOffset,
  type Segment,
  verifyChecksum,
  walkSegments,
} from '../segments.ts';
import { type ImageSignature, parseSignature } from '../signature/image-signature.ts';
import { type TrailingBytes, trailingFrom } from '../trailing.ts';
import { headerBytes, type ImageHeader, imageMagic, maxSegments, parseHeader } from './header.ts';

/** What the image says it is made for. An id that the chip table does not hold has no name. */
export interface ImageChip {
  readonly id: number;
  readonly name: string | undefined;
  readonly retired: boolean;
}

/** What apps, bootloaders and other images of the ESP32 family have in common (`esp_image`). */
export interface EspImage {
  readonly sizeBytes: number;
  readonly chip: ImageChip;
  readonly header: ImageHeader;
  readonly segments: readonly Segment[];
  readonly checksum: ChecksumVerdict;
  readonly hash: HashVerdict;
  /** Length with checksum and hash, without signature and padding; `undefined` when cut off. */
  readonly imageBytes: number | undefined;
  readonly signature: ImageSignature | undefined;
  readonly trailing: TrailingBytes | undefined;
  readonly findings: readonly ImageFinding[];
}

/**
 * Reads bytes as an image of the ESP32 family. `undefined` when header, magic or segment count rule that
 * out; everything else that is wrong becomes a verdict or a finding.
 * Source: ESP-IDF `esp_app_format.h`, `esp_image_format.c`.
 */
export function parseEspImage(bytes: Uint8Array): EspImage | undefined {
  if (bytes.length < headerBytes || bytes[0] !== imageMagic) return undefined;
  const header = parseHeader(bytes);
  if (header.segmentCount === 0 || header.segmentCount > maxSegments) return undefined;
  const known = chipById(header.chipId);
  const chip = { id: header.chipId, name: known?.name, retired: known?.retired === true };
  const walk = walkSegments(bytes, headerBytes, header.segmentCount);
  const findings = [...headerFindings(header, chip), ...(walk.problem ? [walk.problem] : [])];
  const image = { sizeBytes: bytes.length, chip, header, segments: walk.segments, findings };
  const broken = { signature: undefined, trailing: undefined, imageBytes: undefined };
  if (walk.end === undefined) {
    return { ...image, ...broken, checksum: checksumMissing, hash: hashAbsent };
  }

  const checksum = verifyChecksum(bytes, walk.segments, checksumOffset(walk.end));
  const hashOffset = checksumOffset(walk.end) + 1;
  if (checksum.status === 'missing') {
    findings.push(truncated(`truncated before the checksum at ${hexNumber(hashOffset - 1)}`));
    return { ...image, ...broken, checksum, hash: hashAbsent };
  }
  const hash = header.hashFlag === 1 ? verifyHash(bytes, hashOffset) : hashAbsent;
  if (hash.status === 'missing') {
    const left = bytes.length - hashOffset;
    findings.push(truncated(`truncated in the appended hash: ${left} of 32 bytes are there`));
    return { ...image, ...broken, checksum, hash };
  }
  const imageBytes = hash.status === 'absent' ? hashOffset : hashOffset + hashBytes;
  const { signature, end, problem } = parseSignature(bytes, imageBytes);
  if (problem !== undefined) findings.push(problem);
  const trailing = trailingFrom(bytes, end);
  return { ...image, checksum, hash, imageBytes, signature, trailing };
}

function truncated(message: string): ImageFinding {
  return { code: 'truncated', severity: 'error', message };
}

function headerFindings(header: ImageHeader, chip: ImageChip): ImageFinding[] {
  const findings: ImageFinding[] = [];
  if (chip.name === undefined) {
    findings.push({
      code: 'unknown-chip',
      severity: 'warning',
      message: `chip id ${hexNumber(chip.id, 4)} is unknown`,
    });
  }
  if (chip.retired) {
    findings.push({
      code: 'retired-chip',
      severity: 'warning',
      message: `chip ${chip.name} (id ${chip.id}) was early silicon and is not made any more`,
    });
  }
  if (header.hashFlag > 1) {
    findings.push({
      code: 'hash-flag',
      severity: 'error',
      message: `header byte 23 (hash_appended) is ${header.hashFlag}, must be 0 or 1`,
    });
  }
  return findings;
}
