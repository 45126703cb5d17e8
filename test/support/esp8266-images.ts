import { createHash } from 'node:crypto';
import { checksumSeed, crc32, crc32Mpeg2, xorBytes } from '../../tools/core/image/checksum.ts';
import { code, filled, joined } from './esp-images.ts';

type Segments = readonly (readonly [address: number, data: Uint8Array])[];

const ramSegments: Segments = [
  [0x40100000, code(64)],
  [0x3ffe8000, code(32)],
];

/** An image in V1 layout: header of 8 bytes, segments, checksum at the end of a block of 16. */
export function esp8266V1(segments: Segments = ramSegments, offset = 0): Uint8Array {
  const header = Buffer.from([0xe9, segments.length, 2, 0x40, 0, 0, 0x10, 0x40]);
  const parts: Uint8Array[] = [header];
  let checksum = checksumSeed;
  for (const [address, data] of segments) {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(address, 0);
    head.writeUInt32LE(data.length, 4);
    parts.push(head, data);
    checksum = xorBytes(data, 0, data.length, checksum);
  }
  const length = parts.reduce((sum, part) => sum + part.length, offset);
  const padding = filled(16 - (length % 16), 0);
  padding[padding.length - 1] = checksum;
  return joined(...parts, padding);
}

/** As the RTOS SDK builds apps: code in flash, SHA-256 appended without any mark. */
export function esp8266Rtos(): Uint8Array {
  const image = esp8266V1([[0x40210010, code(256)], ...ramSegments]);
  return joined(image, createHash('sha256').update(image).digest());
}

/** eboot, and an app at 0x1000 into which size and CRC were patched after its checksum was made. */
export function esp8266Arduino(): Uint8Array {
  const eboot = esp8266V1();
  const app = esp8266V1([
    [0x40201010, joined(filled(8, 0), code(248))],
    [0x40100000, code(61)],
  ]);
  const file = joined(eboot, filled(0x1000 - eboot.length, 0), app);
  const view = new DataView(file.buffer);
  const crc = crc32Mpeg2(file);
  view.setUint32(0x1010, file.length, true);
  view.setUint32(0x1014, crc, true);
  return file;
}

/** An OTA app of the NONOS SDK: code for flash, a V1 image, CRC. */
export function esp8266V2(): Uint8Array {
  const irom = code(128);
  const head = Buffer.alloc(16);
  head.set([0xea, 0x04, 0x02, 0x40, 0x00, 0x00, 0x10, 0x40]);
  head.writeUInt32LE(irom.length, 12);
  const body = joined(head, irom, esp8266V1());
  const tail = Buffer.alloc(4);
  const crc = crc32(body);
  tail.writeUInt32LE(crc & 0x80000000 ? ~crc >>> 0 : crc + 1);
  return joined(body, tail);
}
