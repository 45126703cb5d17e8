/** What a receiver gets at once: many bytes share the cost of a turn. */
const chunkBytes = 512 * 1024;
/** The same when much is taken: a thousand slow receivers hold little memory. */
const smallChunkBytes = 64 * 1024;
/** All that is taken, before chunks become small. */
const boundBytes = 96 * 1024 * 1024;

/** Memory for bytes on their way, out of one account. */
export interface ChunkMemory {
  /** A chunk with any content: large, or small when much is taken. */
  take(): Buffer;
  /** Ends the use of a chunk. One that somebody may still read or write is not used again. */
  release(chunk: Buffer, state: 'unused' | 'in use'): void;
}

/**
 * Chunks are used again as long as any is taken: a system hands out fresh memory page by page, cleared, and that takes
 * as long as reading a file into it.
 */
export function createChunkMemory(): ChunkMemory {
  let spare: Buffer[] = [];
  let takenBytes = 0;
  return {
    take() {
      const isShort = takenBytes + chunkBytes > boundBytes;
      const chunk = isShort
        ? Buffer.allocUnsafeSlow(smallChunkBytes)
        : (spare.pop() ?? Buffer.allocUnsafeSlow(chunkBytes));
      takenBytes += chunk.length;
      return chunk;
    },
    release(chunk, state) {
      takenBytes -= chunk.length;
      if (takenBytes === 0) spare = [];
      else if (state === 'unused' && chunk.length === chunkBytes) spare.push(chunk);
    },
  };
}
