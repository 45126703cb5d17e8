/** ESP image checksum: XOR of the data of all segments, starting from 0xEF (`ESP_ROM_CHECKSUM_INITIAL`). */
export const checksumSeed = 0xef;

/**
 * XOR of all bytes of a range into `seed`. Works on words of 32 bits, whose four bytes are folded at the
 * end: XOR does not care about order. The range must lie inside the bytes.
 */
export function xorBytes(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let result = seed;
  let index = start;
  while (index < end && (bytes.byteOffset + index) % 4 !== 0) {
    result ^= bytes[index] ?? 0;
    index += 1;
  }
  const wordCount = Math.max(0, end - index) >>> 2;
  let folded = 0;
  if (wordCount > 0) {
    // A plain loop: this runs over every byte of every image at each build.
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + index, wordCount);
    for (let word = 0; word < wordCount; word += 1) folded ^= words[word] as number;
  }
  index += wordCount * 4;
  while (index < end) {
    result ^= bytes[index] ?? 0;
    index += 1;
  }
  return (result ^ folded ^ (folded >>> 8) ^ (folded >>> 16) ^ (folded >>> 24)) & 0xff;
}

let reflectedTable: Int32Array | undefined;

/** CRC-32 as in zlib and PNG (reflected 0x04C11DB7). `previous` continues a CRC, as zlib does. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  reflectedTable ??= Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    }
    return value;
  });
  let crc = ~previous;
  for (const byte of bytes) crc = (crc >>> 8) ^ (reflectedTable[(crc ^ byte) & 0xff] as number);
  return ~crc >>> 0;
}

let forwardTable: Int32Array | undefined;

/** CRC-32/MPEG-2 (most significant bit first, no final inversion), as Arduino's eboot computes it. */
export function crc32Mpeg2(bytes: Uint8Array, previous = 0xffffffff): number {
  forwardTable ??= Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte << 24;
    for (let bit = 0; bit < 8; bit += 1) {
      value = value & 0x80000000 ? (value << 1) ^ 0x04c11db7 : value << 1;
    }
    return value;
  });
  let crc = previous;
  for (const byte of bytes) {
    crc = (crc << 8) ^ (forwardTable[((crc >>> 24) ^ byte) & 0xff] as number);
  }
  return crc >>> 0;
}
