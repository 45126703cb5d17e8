import { createHash } from 'node:crypto';
import { hashBytes } from '../appended-hash.ts';
import { alignUp } from '../bytes.ts';
import { chips } from '../chips.ts';
import { appDescriptorBytes, appDescriptorMagic } from '../esp/app-descriptor.ts';
import { headerBytes } from '../esp/header.ts';
import { segmentHeaderBytes } from '../segments.ts';
import { assembleImage } from './assemble-image.ts';

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

/**
 * Builds a valid app image of the ESP32 family: header, two segments (descriptor and code), checksum and
 * appended SHA-256. It boots nothing; it is what a correct parser accepts. Used by the demo and the tests.
 *
 * Source: ESP-IDF `esp_app_format.h`, `esp_app_desc.h`.
 */
export function buildImage(description: ImageDescription): Uint8Array {
  const chip = chips.find(({ name }) => name === description.chip);
  if (chip === undefined) throw new RangeError(`no chip ${description.chip}`);
  const descriptor = buildDescriptor(description);
  const overhead =
    headerBytes + 2 * segmentHeaderBytes + descriptor.length + 16 /* checksum block */ + hashBytes;
  const codeBytes = Math.max(64, alignUp(description.sizeBytes ?? 0, 16) - overhead);
  return assembleImage({
    chipId: chip.id,
    segments: [
      [0x3c000020, descriptor],
      [0x42010020, fillerBytes(codeBytes, description.seed ?? 1)],
    ],
  });
}

function buildDescriptor(description: ImageDescription): Buffer {
  const bytes = Buffer.alloc(appDescriptorBytes);
  const text = (value: string, offset: number, size: number): void => {
    bytes.write(value.slice(0, size - 1), offset, size - 1, 'utf8');
  };
  bytes.writeUInt32LE(appDescriptorMagic, 0);
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
