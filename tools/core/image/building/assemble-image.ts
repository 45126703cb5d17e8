import { createHash } from 'node:crypto';
import { hashBytes } from '../appended-hash.ts';
import { checksumSeed, xorBytes } from '../checksum.ts';
import { headerBytes, imageMagic } from '../esp/header.ts';
import { checksumOffset, segmentHeaderBytes } from '../segments.ts';

/** What an image is put together from. */
export interface ImageParts {
  readonly chipId: number;
  /** Data lengths are multiples of 4. */
  readonly segments: readonly (readonly [address: number, data: Uint8Array])[];
  /** Default true: a SHA-256 follows the checksum. */
  readonly hashAppended?: boolean;
  /** High nibble: flash size, low nibble: frequency. Default 4 MB, 80 MHz. */
  readonly flashByte?: number;
}

/**
 * Puts an image of the ESP32 family together: header, segments, zero padding, checksum and SHA-256.
 * Source: ESP-IDF `esp_app_format.h`.
 */
export function assembleImage(parts: ImageParts): Uint8Array {
  const { segments, hashAppended = true } = parts;
  const end = segments.reduce(
    (offset, [, data]) => offset + segmentHeaderBytes + data.length,
    headerBytes,
  );
  const hashOffset = checksumOffset(end) + 1;
  const image = Buffer.alloc(hashOffset + (hashAppended ? hashBytes : 0));
  image.writeUInt8(imageMagic, 0);
  image.writeUInt8(segments.length, 1);
  image.writeUInt8(2, 2); // DIO
  image.writeUInt8(parts.flashByte ?? 0x2f, 3);
  image.writeUInt32LE(0x40081000, 4); // entry point
  image.writeUInt8(0xee, 8); // WP pin disabled
  image.writeUInt16LE(parts.chipId, 12);
  image.writeUInt16LE(0xffff, 17); // no highest chip revision
  image.writeUInt8(hashAppended ? 1 : 0, 23);

  let offset = headerBytes;
  let checksum = checksumSeed;
  for (const [address, data] of segments) {
    image.writeUInt32LE(address, offset);
    image.writeUInt32LE(data.length, offset + 4);
    image.set(data, offset + segmentHeaderBytes);
    checksum = xorBytes(data, 0, data.length, checksum);
    offset += segmentHeaderBytes + data.length;
  }
  image.writeUInt8(checksum, hashOffset - 1);
  if (hashAppended) {
    image.set(createHash('sha256').update(image.subarray(0, hashOffset)).digest(), hashOffset);
  }
  return image;
}
