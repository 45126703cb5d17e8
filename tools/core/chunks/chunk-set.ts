/** First and last number of a run of chunks. */
export type ChunkRange = readonly [first: number, last: number];

/** Which of a fixed number of chunks are in a set: one bit each. */
export interface ChunkSet {
  readonly count: number;
  readonly size: number;
  has(index: number): boolean;
  /** Whether it was not in the set before. */
  add(index: number): boolean;
  remove(index: number): boolean;
  /** The runs of chunks that are not in the set, in order, at most so many. */
  missing(mostRanges: number): ChunkRange[];
  /** The lowest number in the set from `from` on. */
  next(from: number): number | undefined;
}

export function createChunkSet(count: number): ChunkSet {
  const bits = new Uint8Array(Math.ceil(count / 8));
  let size = 0;
  const has = (index: number) =>
    index >= 0 && index < count && ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  const flip = (index: number, change: number) => {
    bits[index >> 3] = (bits[index >> 3] ?? 0) ^ (1 << (index & 7));
    size += change;
    return true;
  };
  return {
    count,
    get size() {
      return size;
    },
    has,
    add: (index) => index >= 0 && index < count && !has(index) && flip(index, 1),
    remove: (index) => has(index) && flip(index, -1),
    missing(mostRanges) {
      const ranges: ChunkRange[] = [];
      for (let index = 0; index < count && ranges.length < mostRanges; index += 1) {
        if (has(index)) continue;
        const first = index;
        while (index + 1 < count && !has(index + 1)) index += 1;
        ranges.push([first, index]);
      }
      return ranges;
    },
    next(from) {
      if (size === 0) return;
      for (let index = from; index < count; index += 1) if (has(index)) return index;
      return;
    },
  };
}
