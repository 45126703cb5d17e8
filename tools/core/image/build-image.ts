import { createHash } from 'node:crypto';
import { chips } from './chips.ts';

/** What a built image says of itself. Text is cut to 31 characters, as the ESP-IDF build does. */
export interface ImageDescription {
  readonly chip: string;
  readonly project: string;
  readonly version: string;
  readonly idfVersion?: string;
  readonly secureVersion?: number;
  /** Wanted size of the file; rounded up to what the format allows. Default: as small as it gets. */
  readonly sizeBytes?: number;
  /** Seeds the filler bytes: equal descriptions give equal images, another seed another image. */
  readonly seed?: number;
  /** SHA-256 of the ELF file, 32 bytes; default derived from the other fields. */
  readonly elfSha256?: Uint8Array;
}

const headerBytes = 24;
const segmentHeaderBytes = 8;
const descriptorBytes = 256;
const hashBytes = 32;

/**
 * Builds a valid app image of the ESP32 family: header, two segments (descriptor and code), checksum and
 * appended SHA-256. It boots nothing; it is what a correct parser accepts. Used by the demo and the tests.
 *
 * Source: ESP-IDF `esp_app_format.h`, `esp_app_desc.h`.
 */
export function buildImage(description: ImageDescription): Uint8Array {
  const chip = chips.find(({ name }) => name === description.chip);
  if (chip === undefined) throw new RangeError(`no chip ${description.chip}`);
  const overhead =
    headerBytes + 2 * segmentHeaderBytes + descriptorBytes + 16 /* checksum block */ + hashBytes;
  const codeBytes = Math.max(64, alignUp((description.sizeBytes ?? 0) - overhead, 4));
  const descriptor = buildDescriptor(description);
  const code = fillerBytes(codeBytes, description.seed ?? 1);

  const end = headerBytes + 2 * segmentHeaderBytes + descriptor.length + code.length;
  // Zero padding, so that the checksum is the last byte of a block of 16.
  const hashOffset = alignUp(end + 1, 16);
  const image = Buffer.alloc(hashOffset + hashBytes);
  image.writeUInt8(0xe9, 0);
  image.writeUInt8(2, 1); // segment count
  image.writeUInt8(2, 2); // DIO
  image.writeUInt8(0x2f, 3); // 4 MB, 80 MHz
  image.writeUInt32LE(0x40081000, 4); // entry point
  image.writeUInt8(0xee, 8); // WP pin disabled
  image.writeUInt16LE(chip.id, 12);
  image.writeUInt16LE(0xffff, 17); // no highest chip revision
  image.writeUInt8(1, 23); // SHA-256 appended

  let offset = headerBytes;
  for (const [address, data] of [
    [0x3c000020, descriptor],
    [0x42010020, code],
  ] as const) {
    image.writeUInt32LE(address, offset);
    image.writeUInt32LE(data.length, offset + 4);
    image.set(data, offset + segmentHeaderBytes);
    offset += segmentHeaderBytes + data.length;
  }
  image.writeUInt8(xorChecksum([descriptor, code]), hashOffset - 1);
  image.set(createHash('sha256').update(image.subarray(0, hashOffset)).digest(), hashOffset);
  return image;
}

function buildDescriptor(description: ImageDescription): Buffer {
  const bytes = Buffer.alloc(descriptorBytes);
  const text = (value: string, offset: number, size: number): void => {
    bytes.write(value.slice(0, size - 1), offset, size - 1, 'utf8');
  };
  bytes.writeUInt32LE(0xabcd5432, 0);
  bytes.writeUInt32LE(description.secureVersion ?? 0, 4);
  text(description.version, 16, 32);
  text(description.project, 48, 32);
  text('12:00:00', 80, 16);
  text('Jan  1 2026', 96, 16);
  text(description.idfVersion ?? 'v5.4', 112, 32);
  const identity = `${description.project} ${description.version} ${description.seed ?? 1}`;
  bytes.set(description.elfSha256 ?? createHash('sha256').update(identity).digest(), 144);
  bytes.writeUInt16LE(0xffff, 178); // no highest eFuse block revision
  bytes.writeUInt8(16, 180); // MMU page 64 KiB, log2
  return bytes;
}

/** ESP image checksum: XOR of all segment data, starting from 0xEF. */
function xorChecksum(segments: readonly Uint8Array[]): number {
  let checksum = 0xef;
  for (const segment of segments) for (const byte of segment) checksum ^= byte;
  return checksum;
}

/** Bytes without pattern (xorshift32), the same for the same seed. */
function fillerBytes(count: number, seed: number): Uint8Array {
  const words = new Uint32Array(count / 4);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state >>> 0;
  }
  return new Uint8Array(words.buffer);
}

function alignUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
