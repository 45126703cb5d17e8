import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, crc32Mpeg2, xorBytes } from '../../tools/core/image/checksum.ts';

const check = Buffer.from('123456789');

describe('checksums', () => {
  it('XOR by words equals XOR byte by byte, wherever the bytes lie', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.nat({ max: 7 }),
        fc.nat({ max: 70 }),
        fc.nat({ max: 70 }),
        fc.nat({ max: 255 }),
        (content, shift, a, b, seed) => {
          const memory = new Uint8Array(content.length + shift);
          memory.set(content, shift);
          const bytes = memory.subarray(shift);
          const [start, end] = [a, b].map((at) => Math.min(at, bytes.length)).sort((x, y) => x - y);
          const expected = bytes.subarray(start, end).reduce((sum, byte) => sum ^ byte, seed);
          expect(xorBytes(bytes, start ?? 0, end ?? 0, seed)).toBe(expected);
        },
      ),
    );
  });

  it('CRC-32 has its published check value', () => {
    expect(crc32(check)).toBe(0xcbf43926);
    expect(crc32(check.subarray(4), crc32(check.subarray(0, 4)))).toBe(0xcbf43926);
  });

  it('CRC-32/MPEG-2 has its published check value', () => {
    expect(crc32Mpeg2(check)).toBe(0x0376e6e7);
    expect(crc32Mpeg2(check.subarray(4), crc32Mpeg2(check.subarray(0, 4)))).toBe(0x0376e6e7);
  });
});
