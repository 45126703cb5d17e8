import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ArtifactFacts, Payload, SendContext } from '../../tools/core/release/delivery.ts';

/** Bytes that compress to nothing else and repeat nowhere. */
export const sampleBytes = randomBytes(300_000);

export function factsOf(bytes: Uint8Array, changes: Partial<ArtifactFacts> = {}): ArtifactFacts {
  return {
    product: 'Test Gateway',
    hardware: 'esp32s3',
    version: '1.2.3',
    artifact: 'Test Gateway',
    filename: 'Test_Gateway-1.2.3.bin',
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    ...changes,
  };
}

/** An artifact in memory, handed out in chunks as a file would be. */
export function payloadOf(bytes: Uint8Array, changes: Partial<ArtifactFacts> = {}): Payload {
  return {
    facts: factsOf(bytes, changes),
    stream: () => Readable.from(chunksOf(bytes)),
    bytes: async () => bytes,
  };
}

/** The context of a first attempt that nobody interrupts. */
export function sendContext(changes: Partial<SendContext> = {}): SendContext {
  return {
    signal: new AbortController().signal,
    attempt: 1,
    timeoutMs: 10_000,
    env: {},
    cwd: import.meta.dirname,
    now: () => new Date('2026-01-01T00:00:00Z'),
    random: () => 0.5,
    onProgress: () => {},
    ...changes,
  };
}

/** The error that work ends with; fails when it ends well. */
export async function failureOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a failure');
}

function* chunksOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 65_536) {
    yield bytes.subarray(start, start + 65_536);
  }
}
