/**
 * detools' integer: the first byte holds a "more" bit, a sign and 6 bits; the next ones a "more" bit and
 * 7 bits each, lowest first. `undefined` when it is cut off or longer than any real one.
 */
export function readVarint(
  bytes: Uint8Array,
  offset: number,
): { value: number; end: number } | undefined {
  const first = bytes[offset];
  if (first === undefined) return undefined;
  let value = first & 0x3f;
  let factor = 64;
  let byte = first;
  let end = offset + 1;
  while ((byte & 0x80) !== 0) {
    const next = bytes[end];
    if (next === undefined || end - offset > 6) return undefined;
    byte = next;
    value += (byte & 0x7f) * factor;
    factor *= 128;
    end += 1;
  }
  return { value: (first & 0x40) !== 0 ? -value : value, end };
}
