import { type HashVerdict, hashAbsent, hashBytes, verifyHash } from '../appended-hash.ts';
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
import { type TrailingBytes, trailingFrom } from '../trailing.ts';
import { type EbootApp, ebootAppOffset, parseEbootApp } from './eboot.ts';
import { type Esp8266Header, esp8266HeaderBytes, parseEsp8266Header } from './header.ts';

/**
 * An ESP8266 image in V1 layout.
 * `rtos`: with an appended SHA-256, as the RTOS SDK builds apps. `arduino`: Arduino's eboot followed by the
 * app at 0x1000. `plain`: everything else (boot loaders, RAM code, NONOS images with raw code behind them).
 */
export interface Esp8266V1Image {
  readonly kind: 'esp8266-v1';
  readonly layout: 'plain' | 'rtos' | 'arduino';
  readonly sizeBytes: number;
  readonly header: Esp8266Header;
  readonly segments: readonly Segment[];
  readonly checksum: ChecksumVerdict;
  readonly hash: HashVerdict;
  /** The app behind eboot. */
  readonly app: EbootApp | undefined;
  readonly imageBytes: number | undefined;
  readonly trailing: TrailingBytes | undefined;
  readonly findings: readonly ImageFinding[];
}

/** Reads bytes as a V1 image; `undefined` when magic or segment count rule that out. */
export function parseEsp8266V1(bytes: Uint8Array): Esp8266V1Image | undefined {
  if (bytes.length < esp8266HeaderBytes || bytes[0] !== imageMagic) return undefined;
  const header = parseEsp8266Header(bytes, 0);
  if (header.segmentCount === 0 || header.segmentCount > maxSegments) return undefined;
  const walk = walkSegments(bytes, esp8266HeaderBytes, header.segmentCount, { unaligned: true });
  const image = {
    kind: 'esp8266-v1' as const,
    sizeBytes: bytes.length,
    header,
    segments: walk.segments,
  };
  const broken = {
    layout: 'plain' as const,
    hash: hashAbsent,
    app: undefined,
    imageBytes: undefined,
    trailing: undefined,
  };
  if (walk.end === undefined) {
    const findings = walk.problem === undefined ? [] : [walk.problem];
    return { ...image, ...broken, checksum: checksumMissing, findings };
  }
  const checksum = verifyChecksum(bytes, walk.segments, checksumOffset(walk.end));
  if (checksum.status === 'missing') {
    const message = `truncated before the checksum at ${hexNumber(checksumOffset(walk.end))}`;
    const findings = [{ code: 'truncated', severity: 'error', message } as const];
    return { ...image, ...broken, checksum, findings };
  }
  return { ...image, checksum, ...readBehind(bytes, checksumOffset(walk.end) + 1) };
}

/** What follows the first image: Arduino's app, the hash of the RTOS SDK, raw code, or nothing. */
function readBehind(bytes: Uint8Array, end: number) {
  const app = end <= ebootAppOffset ? parseEbootApp(bytes) : undefined;
  if (app !== undefined) {
    const imageBytes = app.imageBytes;
    const trailing = imageBytes === undefined ? undefined : trailingFrom(bytes, imageBytes);
    const { findings } = app;
    return { layout: 'arduino' as const, hash: hashAbsent, app, imageBytes, trailing, findings };
  }
  // Nothing announces the hash: it is there when it is right, or when exactly its length follows.
  const hash = verifyHash(bytes, end);
  const hashed = hash.status === 'valid' || end + hashBytes === bytes.length;
  const imageBytes = hashed ? end + hashBytes : end;
  return {
    layout: hashed ? ('rtos' as const) : ('plain' as const),
    hash: hashed ? hash : hashAbsent,
    app: undefined,
    imageBytes,
    trailing: trailingFrom(bytes, imageBytes),
    findings: [],
  };
}
