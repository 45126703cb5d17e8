/** A file without structure and with the entropy of noise: flash encryption leaves such files. */
export interface EncryptedFile {
  readonly kind: 'encrypted';
  readonly sizeBytes: number;
  /** Shannon entropy of the sample, in bits for each byte; noise comes close to 8. */
  readonly entropyBits: number;
  readonly findings: readonly [];
}

const leastBytes = 1024;
const sampleBytes = 0x10000;
/** AES blocks: flash encryption works on 16 bytes. */
const blockBytes = 16;

/**
 * Suspects encryption: whole AES blocks, and bytes spread as evenly as chance spreads them. Compressed
 * data comes close, but it starts with a magic that is asked for before.
 */
export function suspectEncrypted(bytes: Uint8Array): EncryptedFile | undefined {
  if (bytes.length < leastBytes || bytes.length % blockBytes !== 0) return undefined;
  const sample = bytes.subarray(0, sampleBytes);
  const counts = new Uint32Array(256);
  for (const byte of sample) counts[byte] = (counts[byte] as number) + 1;
  const expected = sample.length / 256;
  let chiSquare = 0;
  let entropyBits = 0;
  for (const count of counts) {
    chiSquare += (count - expected) ** 2 / expected;
    if (count > 0) entropyBits -= (count / sample.length) * Math.log2(count / sample.length);
  }
  // 255 degrees of freedom: mean 255, standard deviation 22.6. Noise stays inside seven of them.
  if (chiSquare > 255 + 7 * 22.6) return undefined;
  return { kind: 'encrypted', sizeBytes: bytes.length, entropyBits, findings: [] };
}
