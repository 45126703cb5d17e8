import { addAbortSignal, type Readable } from 'node:stream';
import { DeliveryFailure } from '../core/release/delivery.ts';

/** So much goes to a socket at first: at 5 KB/s it still moves within a timeout of 30 s. */
const smallestSliceBytes = 131_072;
/** And so much when the other side is fast. */
const largestSliceBytes = 1_048_576;
/** A slice that is taken faster than this may be followed by a larger one. */
const fastMs = 50;

/**
 * Cuts a stream into slices that a slow connection can take before a timeout, and insists on the length
 * that was announced: of a file that grew or shrank, the last slice is never handed out.
 *
 * @throws DeliveryFailure `artifact-size-mismatch`
 */
export async function* slicesOf(
  stream: Readable,
  sizeBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  addAbortSignal(signal, stream);
  let bytes = 0;
  let sliceBytes = smallestSliceBytes;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > sizeBytes) throw otherSize(sizeBytes);
      for (let start = 0; start < chunk.length; ) {
        const slice = chunk.subarray(start, start + sliceBytes);
        start += slice.length;
        const startedAt = performance.now();
        yield slice;
        const fast = performance.now() - startedAt < fastMs;
        sliceBytes = fast ? Math.min(largestSliceBytes, sliceBytes * 2) : smallestSliceBytes;
      }
    }
    if (bytes !== sizeBytes) throw otherSize(sizeBytes);
  } finally {
    stream.destroy();
  }
}

function otherSize(sizeBytes: number): DeliveryFailure {
  return new DeliveryFailure(
    'artifact-size-mismatch',
    `the file is not ${sizeBytes} bytes long any more`,
    { hint: 'Something changed it during the deployment.', retryable: false },
  );
}
