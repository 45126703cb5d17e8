/** Little-endian reads. Callers have checked the bounds; past the end they read as zero. */

export function u8(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}

export function u16(bytes: Uint8Array, offset: number): number {
  return u8(bytes, offset) | (u8(bytes, offset + 1) << 8);
}

export function u32(bytes: Uint8Array, offset: number): number {
  return (u16(bytes, offset) | (u16(bytes, offset + 2) << 16)) >>> 0;
}

/**
 * Text of a fixed field: up to the first NUL, or the whole field when there is none (a build may fill it).
 * Bytes that are not UTF-8 become U+FFFD. The text is as found: make it safe before showing it.
 */
export function fixedText(bytes: Uint8Array, offset: number, sizeBytes: number): string {
  const field = bytes.subarray(offset, offset + sizeBytes);
  const end = field.indexOf(0);
  return toBuffer(end === -1 ? field : field.subarray(0, end)).toString('utf8');
}

export function hex(bytes: Uint8Array): string {
  return toBuffer(bytes).toString('hex');
}

/** A copy in reverse order: signature blocks store big numbers little-endian. */
export function reversed(bytes: Uint8Array): Uint8Array {
  // Not `slice`: that of a Buffer is a view, and the caller's bytes would be turned around.
  return Uint8Array.from(bytes).reverse();
}

/** Whether every byte from `start` to `end` has the given value. */
export function isFilledWith(
  bytes: Uint8Array,
  value: number,
  start = 0,
  end = bytes.length,
): boolean {
  for (let index = start; index < end; index += 1) if (bytes[index] !== value) return false;
  return true;
}

export function startsWith(bytes: Uint8Array, prefix: readonly number[], offset = 0): boolean {
  return prefix.every((byte, index) => bytes[offset + index] === byte);
}

export function alignUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** The same memory, as a Buffer. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
