/** A file and the flash address that it belongs to. */
export interface FlashPart {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Lays files out as they will lie in flash, gaps filled with FF, from address 0 to the end of the last one:
 * the factory image that a device is first flashed with. What `esptool merge-bin` writes; headers are not
 * touched.
 *
 * @throws RangeError when two parts overlap; the caller has checked their offsets
 */
export function mergeImages(parts: readonly FlashPart[]): Uint8Array {
  const sorted = [...parts].sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const { offset, bytes } of sorted) {
    if (offset < end) throw new RangeError(`parts overlap at 0x${offset.toString(16)}`);
    end = offset + bytes.length;
  }
  const merged = new Uint8Array(end).fill(0xff);
  for (const { offset, bytes } of sorted) merged.set(bytes, offset);
  return merged;
}
