import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ByteRange } from './artifact-store.ts';

/** What a receiver gets at once: many bytes share the cost of a turn. */
const chunkBytes = 512 * 1024;
/** The same when much is held for others: a thousand slow receivers hold little memory. */
const smallChunkBytes = 64 * 1024;
/** All that is read but not yet sent, before chunks become small. */
const heldBoundBytes = 64 * 1024 * 1024;

/** Streams a file, or a part of it (both ends included), and closes it when it is through or destroyed. */
export type StreamFile = (file: FileHandle, range?: ByteRange) => Readable;

/**
 * Files that receivers take at their own pace, out of one account of memory. A file that is shorter than its row says
 * ends early: the receiver sees that by Content-Length.
 */
export function createFileStreams(): StreamFile {
  let heldBytes = 0;
  return (file, range) => {
    let position = range?.start ?? 0;
    // The chunk that the socket has, and the one that is read meanwhile.
    let sendingBytes = 0;
    let readBytes = 0;

    function hold(sending: number, read: number): void {
      heldBytes += sending + read - sendingBytes - readBytes;
      sendingBytes = sending;
      readBytes = read;
    }

    async function nextChunk(): Promise<Buffer | null> {
      const mostBytes = heldBytes + chunkBytes > heldBoundBytes ? smallChunkBytes : chunkBytes;
      const leftBytes = range === undefined ? mostBytes : range.end + 1 - position;
      if (leftBytes <= 0) return null;
      const buffer = Buffer.allocUnsafeSlow(Math.min(mostBytes, leftBytes));
      hold(readBytes, buffer.length);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      position += bytesRead;
      return bytesRead === 0 ? null : buffer.subarray(0, bytesRead);
    }

    return new Readable({
      highWaterMark: 1,
      read() {
        nextChunk().then(
          (chunk) => this.push(chunk),
          (error: Error) => this.destroy(error),
        );
      },
      destroy(error, done) {
        hold(0, 0);
        file.close().then(
          () => done(error),
          (closing: Error) => done(error ?? closing),
        );
      },
    });
  };
}
