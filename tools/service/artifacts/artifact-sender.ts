import type { ServerResponse } from 'node:http';
import type { ByteRange, OpenArtifact } from './artifact-store.ts';
import { createChunkMemory } from './chunk-memory.ts';

/**
 * Sends a part of an artifact at the pace of the receiver and ends the response. Resolves when the system has the last
 * byte, or when the receiver is gone. The artifact is closed in any case.
 *
 * @throws Error when the artifact cannot be read or ends before its part does; the response stays open then
 */
export type SendArtifact = (
  artifact: OpenArtifact,
  part: ByteRange,
  response: ServerResponse,
) => Promise<void>;

/** A sender whose receivers share one account of memory. */
export function createArtifactSender(): SendArtifact {
  const memory = createChunkMemory();
  return async (artifact, { start, end }, response) => {
    const gone = new Promise<false>((resolve) => {
      response.once('close', () => resolve(false));
      response.once('error', () => resolve(false));
    });

    /** Resolves when the system has the bytes: then, and not before, their memory may be used again. */
    async function send(chunk: Buffer, length: number): Promise<void> {
      const written = new Promise<boolean>((resolve) => {
        response.write(chunk.subarray(0, length), (error) => resolve(error == null));
      });
      memory.release(chunk, (await Promise.race([written, gone])) ? 'unused' : 'in use');
    }

    let position = start;
    let sent = Promise.resolve();
    try {
      // One chunk is read while the one before is on its way.
      while (position <= end) {
        const chunk = memory.take();
        const length = await fill(chunk, artifact, position, end).catch((error: unknown) => {
          memory.release(chunk, 'in use');
          throw error;
        });
        await sent;
        if (response.destroyed) {
          memory.release(chunk, 'unused');
          return;
        }
        sent = send(chunk, length);
        position += length;
      }
      await sent;
      response.end();
    } finally {
      await artifact.close();
    }
  };
}

/** Fills a chunk with the bytes from this position on; how many they are, never none. */
async function fill(
  chunk: Buffer,
  artifact: OpenArtifact,
  position: number,
  end: number,
): Promise<number> {
  const wanted = chunk.subarray(0, Math.min(chunk.length, end + 1 - position));
  const length = await artifact.read(wanted, position);
  if (length === 0) throw new Error(`the artifact ends at ${position}, not at ${end + 1}`);
  return length;
}
