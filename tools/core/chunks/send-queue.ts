import { type ChunkRange, createChunkSet } from './chunk-set.ts';

/** The chunks that wait to be sent: all of them at first, afterwards what is asked for. */
export interface SendQueue {
  /** Takes the next chunk out, or `undefined` when none waits. */
  next(): number | undefined;
  add(range: ChunkRange): void;
  /** Lets all chunks wait. */
  fill(): void;
  /** Lets none wait. */
  clear(): void;
  readonly isEmpty: boolean;
  /** Chunks taken out so far. */
  readonly sentChunks: number;
}

export function createSendQueue(chunkCount: number): SendQueue {
  let waiting = createChunkSet(chunkCount);
  const add = ([first, last]: ChunkRange): void => {
    for (let index = first; index <= last; index += 1) waiting.add(index);
  };
  const fill = (): void => add([0, chunkCount - 1]);
  fill();
  let cursor = 0;
  let sentChunks = 0;
  return {
    next() {
      const index = waiting.next(cursor) ?? waiting.next(0);
      if (index === undefined) return;
      waiting.remove(index);
      cursor = index + 1;
      sentChunks += 1;
      return index;
    },
    add,
    fill,
    clear() {
      waiting = createChunkSet(chunkCount);
    },
    get isEmpty() {
      return waiting.size === 0;
    },
    get sentChunks() {
      return sentChunks;
    },
  };
}
