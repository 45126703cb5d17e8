import { createChunkSet } from './chunk-set.ts';
import { type Chunk, type PushManifest, type PushRequest, pushLimits } from './push-messages.ts';

/** The device's side of a transfer: what is there, what to ask for. It holds no firmware. */
export interface PushReceiver {
  readonly manifest: PushManifest;
  /** Whether the chunk is new and belongs here: write its data at `index * chunk_size`. */
  accept(chunk: Chunk): boolean;
  readonly isComplete: boolean;
  readonly progressPct: number;
  /** What to answer after an end message, and after a silence. */
  request(deviceId: string): PushRequest;
}

export function createPushReceiver(manifest: PushManifest): PushReceiver {
  const received = createChunkSet(manifest.chunk_count);
  const lengthOf = (index: number) =>
    Math.min(manifest.chunk_size, manifest.size - index * manifest.chunk_size);
  return {
    manifest,
    accept: ({ transferId, index, data }) =>
      transferId === manifest.transfer_id && data.length === lengthOf(index) && received.add(index),
    get isComplete() {
      return received.size === manifest.chunk_count;
    },
    get progressPct() {
      return Math.floor((received.size * 100) / manifest.chunk_count);
    },
    request(deviceId) {
      const base = { transfer_id: manifest.transfer_id, device_id: deviceId };
      return received.size === manifest.chunk_count
        ? { ...base, state: 'complete' }
        : { ...base, state: 'missing', missing: received.missing(pushLimits.mostRanges) };
    },
  };
}
