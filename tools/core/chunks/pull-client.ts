/** A download, chunk by chunk, as a device does it. It holds no bytes: they are handed on in order. */
export interface PullClient {
  /** The number of the chunk to ask for, or `undefined` when everything is there. */
  wanted(): number | undefined;
  /**
   * Takes an answer. A duplicate, a late or a foreign one is `ignored`; one of the wrong length is `broken`, and the
   * chunk is asked for again.
   */
  receive(index: number, payload: Uint8Array): 'stored' | 'ignored' | 'broken';
  readonly receivedBytes: number;
}

/** @param onBytes called with each piece, in order, without gaps */
export function createPullClient(
  sizeBytes: number,
  chunkBytes: number,
  onBytes: (bytes: Uint8Array) => void,
): PullClient {
  let next = 0;
  let receivedBytes = 0;
  const wanted = () => (receivedBytes < sizeBytes ? next : undefined);
  return {
    wanted,
    receive(index, payload) {
      if (index !== wanted()) return 'ignored';
      if (payload.length !== Math.min(chunkBytes, sizeBytes - receivedBytes)) return 'broken';
      onBytes(payload);
      receivedBytes += payload.length;
      next += 1;
      return 'stored';
    },
    get receivedBytes() {
      return receivedBytes;
    },
  };
}
