import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ArtifactFacts, Payload, SendContext } from '../../tools/core/release/delivery.ts';

export function factsOf(bytes: Uint8Array): ArtifactFacts {
  return {
    product: 'lamp',
    hardware: 'esp32s3',
    version: '1.2.3',
    artifact: 'firmware',
    filename: 'firmware.bin',
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

export function payloadOf(bytes: Uint8Array): Payload {
  return {
    facts: factsOf(bytes),
    stream: () => Readable.from([bytes]),
    bytes: async () => bytes,
  };
}

/** What a delivery may use, with short limits and the progress kept. */
export function contextOf(
  changes: Partial<SendContext> = {},
): SendContext & { progress: number[] } {
  const progress: number[] = [];
  return {
    signal: new AbortController().signal,
    attempt: 1,
    timeoutMs: 5000,
    env: {},
    onProgress: (sentBytes) => void progress.push(sentBytes),
    progress,
    ...changes,
  };
}
