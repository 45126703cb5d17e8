import { createHash, type Hash } from 'node:crypto';

/** Size and SHA-256 (lowercase hex) of some bytes. */
export interface Fingerprint {
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Collects a fingerprint from chunks, in one pass. */
export interface Fingerprinter {
  update(chunk: Uint8Array): void;
  digest(): Fingerprint;
}

export function createFingerprinter(): Fingerprinter {
  const hash: Hash = createHash('sha256');
  let sizeBytes = 0;
  return {
    update(chunk) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    },
    digest: () => ({ sizeBytes, sha256: hash.digest('hex') }),
  };
}

/** Fingerprint of bytes that are all there. */
export function fingerprintOf(bytes: Uint8Array): Fingerprint {
  return {
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}
