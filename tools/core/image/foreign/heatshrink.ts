import { readVarint } from './varint.ts';

/** Enough decompressed bytes to read the first two numbers of a patch. */
const wantedBytes = 16;

/**
 * Whether bytes look like the heatshrink stream of a detools patch: window and lookahead are possible, and
 * the first numbers inside are a data patch size of 0 and a chunk no longer than the target.
 */
export function isHeatshrinkStart(stream: Uint8Array, targetBytes: number): boolean {
  const first = stream[0];
  if (first === undefined) return false;
  const windowBits = (first >> 4) + 4;
  const lookaheadBits = (first & 0xf) + 3;
  if (windowBits > 15 || lookaheadBits >= windowBits) return false;
  const plain = decompressStart(stream.subarray(1), windowBits, lookaheadBits);
  const dataPatch = plain && readVarint(plain, 0);
  if (plain === undefined || dataPatch?.value !== 0) return false;
  const chunk = readVarint(plain, dataPatch.end);
  return chunk !== undefined && chunk.value >= 0 && chunk.value <= targetBytes;
}

/** The first bytes of a heatshrink stream (MSB first: 1 + literal, or 0 + distance - 1 + length - 1). */
function decompressStart(
  stream: Uint8Array,
  windowBits: number,
  lookaheadBits: number,
): Uint8Array | undefined {
  const output: number[] = [];
  let position = 0;
  const take = (count: number): number => {
    let value = 0;
    for (let bit = 0; bit < count; bit += 1, position += 1) {
      value = (value << 1) | (((stream[position >> 3] ?? 0) >> (7 - (position & 7))) & 1);
    }
    return value;
  };
  while (output.length < wantedBytes && position < stream.length * 8) {
    if (take(1) === 1) {
      output.push(take(8));
      continue;
    }
    const distance = take(windowBits) + 1;
    const length = take(lookaheadBits) + 1;
    // The window starts out as zeros, but no encoder refers to what it has not written.
    for (let index = 0; index < length && output.length < wantedBytes; index += 1) {
      output.push(output[output.length - distance] ?? 0);
    }
  }
  return output.length === 0 ? undefined : Uint8Array.from(output);
}
